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
    return row.primitive ? opArity(*row.primitive) == row.arity : !row.definition.empty();
  }));
  return rows;
}

constexpr std::string_view kLater[] = {
#define DISCO_LATER_BUILTIN(NAME) #NAME,
#include "dsl/Builtins.def"
};

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

Library makeLibrary() {
  std::string text = "objective library {\n";
  for (const Builtin &row : allBuiltins())
    if (!row.primitive)
      text += "fn " + std::string(row.name) + "(" + std::string(row.parameters) +
              ") = " + std::string(row.definition) + ";\n";
  for (const PreludeRow &row : kPrelude)
    text += "let " + std::string(row.name) + " = " + std::string(row.definition) + ";\n";
  Diagnostics diagnostics;
  const Source source("<library>", text + "}\n");
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

bool isLaterBuiltin(std::string_view name) {
  return std::find(std::begin(kLater), std::end(kLater), name) != std::end(kLater);
}

std::string_view aliasOf(std::string_view name) {
  for (const Alias &alias : kAliases)
    if (alias.written == name)
      return alias.ours;
  return {};
}

const Item *Library::findFunction(std::string_view name) const {
  return findItem(ast, ItemKind::Function, name);
}
const Item *Library::findPrelude(std::string_view name) const {
  return findItem(ast, ItemKind::Binding, name);
}

const Library &library() {
  static const Library instance = makeLibrary();
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
