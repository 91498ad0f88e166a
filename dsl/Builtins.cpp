// Tables made from Builtins.def.
#include "dsl/Builtins.h"

#include "dsl/Parser.h"

#include <algorithm>
#include <cassert>
#include <vector>

namespace disco::dsl {

namespace {

constexpr unsigned countParameters(std::string_view parameters) {
  return unsigned(std::count(parameters.begin(), parameters.end(), ',')) + 1;
}

std::vector<Builtin> makeBuiltins() {
  std::vector<Builtin> rows = {
#define DISCO_BUILTIN(NAME, PARAMETERS, DEFINITION, MEANING)                                       \
  {#NAME, PARAMETERS, DEFINITION, MEANING, countParameters(PARAMETERS), std::nullopt},
#include "dsl/Builtins.def"
  };
  for (Builtin &row : rows)
    for (size_t op = 0; row.definition.empty() && op < kOpCount; ++op)
      if (opMnemonic(Op(op)) == row.name)
        row.primitive = Op(op);
  assert(std::all_of(rows.begin(), rows.end(), [](const Builtin &row) {
    return row.primitive ? opArity(*row.primitive) == row.arity
                         : !row.definition.empty() || row.name == "token_count";
  }));
  return rows;
}

struct Alias {
  std::string_view written, ours;
};
constexpr Alias kAliases[] = {
#define DISCO_ALIAS(WRITTEN, OURS) {#WRITTEN, #OURS},
#include "dsl/Builtins.def"
};

struct PreludeRow {
  std::string_view name, definition;
};
constexpr PreludeRow kPrelude[] = {
#define DISCO_PRELUDE(NAME, DEFINITION) {#NAME, DEFINITION},
#include "dsl/Builtins.def"
};

Definitions makeDefinitions() {
  std::string text = "objective builtins {\n";
  for (const Builtin &row : allBuiltins())
    if (!row.definition.empty())
      text += "fn " + std::string(row.name) + "(" + std::string(row.parameters) +
              ") = " + std::string(row.definition) + ";\n";
  for (const PreludeRow &row : kPrelude)
    text += "let " + std::string(row.name) + " = " + std::string(row.definition) + ";\n";
  Diagnostics diagnostics;
  const Source source("<builtins>", text + "}\n");
  std::optional<Ast> ast = parse(source, diagnostics);
  assert(ast && "Builtins.def does not parse");
  return {std::move(*ast)};
}

const Item *findItem(const Ast &ast, ItemKind kind, std::string_view name) {
  for (const Item &item : ast.items)
    if (item.kind == kind && item.name.text == name)
      return &item;
  return nullptr;
}

/// Levenshtein distance.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

} // namespace

std::span<const Builtin> allBuiltins() {
  static const std::vector<Builtin> rows = makeBuiltins();
  return rows;
}

const Builtin *findBuiltin(std::string_view name) {
  for (const Builtin &row : allBuiltins())
    if (row.name == name)
      return &row;
  return nullptr;
}

Op operationOf(Operator op) {
  switch (op) {
  case Operator::Negate:
    return Op::Neg;
  case Operator::Not:
    return Op::Not;
  case Operator::Power:
    return Op::Pow;
  case Operator::Multiply:
    return Op::Mul;
  case Operator::Divide:
    return Op::Div;
  case Operator::Add:
    return Op::Add;
  case Operator::Subtract:
    return Op::Sub;
  case Operator::Less:
  case Operator::Greater:
    return Op::Lt;
  case Operator::LessEqual:
  case Operator::GreaterEqual:
    return Op::Le;
  case Operator::Equal:
    return Op::Eq;
  case Operator::NotEqual:
    return Op::Ne;
  case Operator::And:
    return Op::And;
  case Operator::Or:
    return Op::Or;
  }
  return Op::Neg;
}

std::string_view aliasOf(std::string_view name) {
  for (const Alias &alias : kAliases)
    if (alias.written == name)
      return alias.ours;
  return {};
}

const Item *Definitions::findFunction(std::string_view name) const {
  return findItem(ast, ItemKind::Function, name);
}
const Item *Definitions::findPrelude(std::string_view name) const {
  return findItem(ast, ItemKind::Binding, name);
}

const Definitions &builtinDefinitions() {
  static const Definitions instance = makeDefinitions();
  return instance;
}

std::optional<std::string_view> closest(std::string_view name,
                                        std::span<const std::string_view> candidates) {
  std::optional<std::string_view> best;
  size_t bestDistance = std::max<size_t>(1, name.size() / 3) + 1;
  for (std::string_view candidate : candidates)
    if (const size_t d = distance(name, candidate); d < bestDistance) {
      bestDistance = d;
      best = candidate;
    }
  return best;
}

} // namespace disco::dsl
