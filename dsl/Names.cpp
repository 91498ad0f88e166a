// What a name in an expression stands for, and what to say of one that stands for nothing.
#include "dsl/Expander.h"

#include <algorithm>
#include <cassert>

namespace disco::dsl {

Definition *Expander::definition(const Frame &frame, std::string_view name) {
  for (size_t i = std::min(frame.visible, definitions.size()); i-- > 0;)
    if (definitions[i].item->name.text == name)
      return &definitions[i];
  return nullptr;
}

Value Expander::nameValue(const Frame &frame, const Expr &expr) {
  const Span span = spanIn(frame, expr);
  if (frame.function)
    for (size_t i = 0; i < frame.function->formals.size(); ++i)
      if (frame.function->formals[i].text == expr.name)
        return frame.arguments[i];
  if (auto known = inputByName(expr.name))
    return input(*known, span);
  if (Definition *found = definition(frame, expr.name)) {
    found->used = true;
    if (!found->isFunction())
      return found->value;
    report(DiagnosticKind::NotAFunction, span,
           quoted(expr.name) + " is a function and is called, as in `" + expr.name + "(x)`")
        .notes.push_back({found->item->name.span, "defined here"});
    return {};
  }
  if (builtinDefinitions().findPrelude(expr.name))
    return prelude(expr.name);
  if (findBuiltin(expr.name)) {
    report(DiagnosticKind::NotAFunction, span,
           quoted(expr.name) + " is a function and is called, as in `" + expr.name + "(x)`");
    return {};
  }
  reportUndeclared(frame, expr);
  return {};
}

Value Expander::prelude(std::string_view name) {
  for (const auto &[known, value] : prelude_)
    if (known == name)
      return value;
  const Item *item = builtinDefinitions().findPrelude(name);
  assert(item && "not a prelude name");
  const Value value =
      expandIn({.ast = builtinDefinitions().ast, .authorSpan = Span{}}, item->value);
  prelude_.emplace_back(item->name.text, value);
  return value;
}

void Expander::reportUndeclared(const Frame &frame, const Expr &expr) {
  Diagnostic &found = report(DiagnosticKind::UndeclaredName, expr.span,
                             quoted(expr.name) + " is not defined above");
  for (const Item &item : ast_.items)
    if (definesName(item.kind) && item.name.text == expr.name) {
      found.notes.push_back({item.name.span, item.span.begin <= expr.span.begin
                                                 ? "a name is not part of its own definition"
                                                 : "defined only here"});
      return;
    }
  if (const std::string_view ours = aliasOf(expr.name); inputByName(ours)) {
    found.edits.push_back({expr.span, std::string(ours), true});
    return;
  }
  if (expr.name == "beta") {
    const uint32_t at = ast_.items.front().span.begin;
    found.edits.push_back({{at, at}, "param beta = 0.1 in [1e-3, 10] log;\n  ", false});
    return;
  }
  std::vector<std::string_view> candidates;
  for (size_t i = 0; i < kInputCount; ++i)
    candidates.push_back(inputName(Input(i)));
  for (const Item &item : builtinDefinitions().ast.items)
    if (item.kind == ItemKind::Binding)
      candidates.push_back(item.name.text);
  for (size_t i = 0; i < std::min(frame.visible, definitions.size()); ++i)
    if (!definitions[i].isFunction())
      candidates.push_back(definitions[i].item->name.text);
  if (frame.function)
    for (const Name &formal : frame.function->formals)
      candidates.push_back(formal.text);
  if (auto near = closest(expr.name, candidates))
    found.edits.push_back({expr.span, std::string(*near), false});
}

void Expander::reportMissingFunction(const Frame &frame, const Expr &expr,
                                     std::span<const Value> arguments) {
  const bool value =
      inputByName(expr.name) || builtinDefinitions().findPrelude(expr.name) ||
      (frame.function && std::any_of(frame.function->formals.begin(), frame.function->formals.end(),
                                     [&](const Name &formal) { return formal.text == expr.name; }));
  if (value) {
    report(DiagnosticKind::NotAFunction, expr.nameSpan,
           quoted(expr.name) + " is a value; a product is written with `*`");
    return;
  }
  Diagnostic &found = report(DiagnosticKind::UndeclaredFunction, expr.nameSpan,
                             "there is no function " + quoted(expr.name) + " above");
  if (frame.function && frame.function->name.text == expr.name) {
    found.message = "function " + quoted(expr.name) + " calls itself; there is no recursion";
    return;
  }
  if (expr.name == "pow") {
    found.message += "; a power is written `x^p`";
    return;
  }
  if (std::string ours(aliasOf(expr.name)); findBuiltin(ours)) {
    // `mean` goes by the extent of its argument, which a function's body does not know.
    const bool reduction = ours.starts_with("batch_");
    const bool known = !arguments.empty() && arguments[0].valid();
    if (reduction && known && isToken(graph[arguments[0].node].type.extent))
      ours.replace(0, 5, "token");
    found.edits.push_back({expr.nameSpan, ours, findBuiltin(ours) && (known || !reduction)});
    return;
  }
  std::vector<std::string_view> candidates;
  for (const Builtin &builtin : allBuiltins())
    candidates.push_back(builtin.name);
  for (const Definition &known : definitions)
    if (known.isFunction())
      candidates.push_back(known.item->name.text);
  if (auto near = closest(expr.name, candidates))
    found.edits.push_back({expr.nameSpan, std::string(*near), false});
}

void Expander::checkFunction(const Item &function) {
  const Frame frame{.ast = ast_, .function = &function, .visible = definitions.size()};
  const auto isFormal = [&](const Expr &expr) {
    return std::any_of(function.formals.begin(), function.formals.end(),
                       [&](const Name &formal) { return formal.text == expr.name; });
  };
  for (uint32_t id = function.value.begin; id < function.value.end; ++id) {
    const Expr &expr = ast_.exprs[id];
    if (expr.kind == ExprKind::Name && !isFormal(expr)) {
      nameValue(frame, expr);
    } else if (expr.kind == ExprKind::Call) {
      if (const Builtin *builtin = findBuiltin(expr.name))
        wantArity(frame, expr, expr.arguments, builtin->arity, std::nullopt);
      else if (Definition *found = definition(frame, expr.name); found && found->isFunction())
        wantArity(frame, expr, expr.arguments, found->item->formals.size(), found->item->name.span);
      else if (!found)
        reportMissingFunction(frame, expr, {});
    }
  }
}

} // namespace disco::dsl
