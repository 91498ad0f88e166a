// From what was written to what it means: names resolved, functions and derived builtins expanded,
// types inferred, equal values shared, limits kept.
#pragma once

#include "dsl/Ast.h"
#include "dsl/Program.h"
#include "dsl/support/Diagnostic.h"

#include <optional>

namespace disco::dsl {

class Importer;

struct Checked {
  std::optional<Program> program; // empty when errors were reported
  size_t expansions = 0;          // calls and uses it took (SPEC X8)
};

/// `ast` is a parse of `source`. The importer finds what the text uses.
Checked check(const Source &source, const Ast &ast, Diagnostics &diagnostics, Importer &importer);

} // namespace disco::dsl
