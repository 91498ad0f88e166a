// The bytes of a source text, looked at before anything parses them.
#pragma once

#include "dsl/support/Diagnostic.h"

#include <optional>
#include <string>

namespace disco::dsl {

/// Checks size and encoding: ASCII without control characters outside comments; in comments also
/// UTF-8 that neither hides nor reorders text. Returns the text with what is not ASCII in comments
/// blanked, so that offsets stay what they were.
std::optional<std::string> checkEncoding(const Source &source, Diagnostics &diagnostics);

} // namespace disco::dsl
