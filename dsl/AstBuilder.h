// A parse tree into an Ast: what the tree's shape does not say is checked here (lengths of names,
// ranges of numbers, chains of comparisons). With Parser.cpp the only code that sees ANTLR.
#pragma once

#include "dsl/Ast.h"
#include "dsl/support/Diagnostic.h"

#include "grammars/ObjectiveParser.h"

#include <optional>

namespace disco::dsl {

/// The one objective of the file; empty when errors were reported.
std::optional<Ast> buildAst(grammar::ObjectiveParser::FileContext &file, const Source &source,
                            Diagnostics &diagnostics);

} // namespace disco::dsl
