// Small texts from outside made fit to show or store: bounded, one line, printable ASCII.
#pragma once

#include <string>
#include <string_view>

namespace disco::search {

/// At most `limit` characters on one line: control characters and bytes outside ASCII become `?`,
/// runs of blanks one space.
std::string oneLine(std::string_view text, size_t limit);

/// A proposal's name as a label: lower case, only [a-z0-9_], at most 64 characters, never empty.
/// Labels are shown and stored, and never part of a path, a command or a query.
std::string sanitiseLabel(std::string_view name);

/// Text for the content or a quoted attribute of an HTML or SVG element.
std::string escapeHtml(std::string_view text);

/// A field of a CSV row, quoted where it must be.
std::string escapeCsv(std::string_view text);

} // namespace disco::search
