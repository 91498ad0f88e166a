// The layout of a text: one item a line, one space where spaces go, comments and blank lines where
// the author put them. What the text says is not touched: its tokens stay what they were.
#pragma once

#include "dsl/support/Diagnostic.h"

#include <optional>
#include <string>

namespace disco::dsl {

/// The text laid out; empty when it does not parse, which is then reported. Idempotent.
std::optional<std::string> formatText(const Source &source, Diagnostics &diagnostics);

} // namespace disco::dsl
