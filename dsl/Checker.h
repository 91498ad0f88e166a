// From what was written to what it means: names resolved, functions and derived builtins expanded,
// types inferred, equal values shared, limits kept.
#pragma once

#include "dsl/Ast.h"
#include "dsl/Program.h"
#include "dsl/support/Diagnostic.h"

#include <optional>

namespace disco::dsl {

/// The checked program; empty when errors were reported. `ast` is a parse of `source`.
std::optional<Program> check(const Source &source, const Ast &ast, Diagnostics &diagnostics);

} // namespace disco::dsl
