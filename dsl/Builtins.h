// The functions and names the language brings along, as Builtins.def lists them, and the words for
// names it does not have.
#pragma once

#include "dsl/Ast.h"
#include "dsl/Program.h"

#include <optional>
#include <span>
#include <string_view>

namespace disco::dsl {

struct Builtin {
  std::string_view name;
  std::string_view parameters; // as declared: "x, low, high"
  std::string_view definition; // empty for a primitive and for token_count
  std::string_view meaning;
  unsigned arity = 0;
  std::optional<Op> primitive;
};

std::span<const Builtin> allBuiltins();
const Builtin *findBuiltin(std::string_view name);
/// The primitive an operator stands for. `a > b` and `a >= b` are `b < a` and `b <= a`.
Op operationOf(Operator op);

/// What another library's name is called here; empty when the table has none.
std::string_view aliasOf(std::string_view name);

/// Derived builtins as `fn` items and prelude names as `let` items, parsed once.
struct Definitions {
  Ast ast;
  const Item *findFunction(std::string_view name) const;
  const Item *findPrelude(std::string_view name) const;
};
const Definitions &builtinDefinitions();

/// The candidate that differs least from the name, if it differs by little: at most a third of its
/// letters.
std::optional<std::string_view> closest(std::string_view name,
                                        std::span<const std::string_view> candidates);

} // namespace disco::dsl
