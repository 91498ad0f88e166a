// Text to syntax tree. Bounded in time and stack whatever the text, and silent about how it parses:
// neither ANTLR nor an exception is seen from outside.
#pragma once

#include "dsl/Ast.h"
#include "dsl/Syntax.h"
#include "dsl/support/Diagnostic.h"

#include <optional>

namespace disco::dsl {

/// The one objective of the text; empty when errors were reported.
std::optional<Ast> parse(const Source &source, Diagnostics &diagnostics);

/// The tokens of the text, comments and blanks left out, the last one its End; none where the bytes
/// are not those of a text.
std::vector<Token> tokenize(const Source &source);

} // namespace disco::dsl
