#include "dsl/Expander.h"

#include "dsl/Limits.h"
#include "dsl/support/Number.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace disco::dsl {

namespace {

constexpr Unit kInputUnits[] = {
#define DISCO_INPUT(NAME, EXTENT, GRADIENT, UNIT, MEANING) Unit::UNIT,
#include "dsl/Inputs.def"
};

std::string_view unitName(Unit unit) {
  constexpr std::string_view kNames[] = {"no unit", "a summed log-probability",
                                         "a log-probability per token", "a count"};
  return kNames[size_t(unit)];
}

std::string quoted(std::string_view text) { return "`" + std::string(text) + "`"; }

std::string plural(size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

} // namespace

Diagnostic &Expander::report(DiagnosticKind kind, Span span, std::string message) {
  const std::pair key(kind, span);
  if (std::find(reported_.begin(), reported_.end(), key) != reported_.end())
    return repeated_ = Diagnostic{kind, span, {}, {}, {}};
  reported_.push_back(key);
  return diagnostics_.report(kind, span, std::move(message));
}

Span Expander::spanIn(const Frame &frame, const Expr &expr) const {
  return frame.librarySpan.value_or(expr.span);
}

/// A finding inside a function is about the call as much as about the body.
void Expander::noteCallers(const Frame &frame, Diagnostic &found) {
  for (const Frame *at = &frame; at->caller && !at->librarySpan; at = at->caller)
    found.notes.push_back({at->call, "called here"});
}

Value Expander::expand(ExprRange range) {
  return expandIn({.ast = ast_, .visible = definitions.size()}, range);
}

// Operands come before users, so one loop with a stack of values does it; only calls recurse, and a
// function can call nothing but functions above it.
Value Expander::expandIn(const Frame &frame, ExprRange range) {
  std::vector<Value> values;
  std::vector<const Expr *> written;
  for (uint32_t id = range.begin; id < range.end && !exhausted; ++id) {
    const Expr &expr = frame.ast.exprs[id];
    const size_t first = values.size() - expr.arguments;
    const std::span<const Value> operands = std::span(values).subspan(first);
    const std::span<const Expr *const> texts = std::span(written).subspan(first);
    Value value;
    switch (expr.kind) {
    case ExprKind::Number:
      value.node = graph.constant(expr.number, spanIn(frame, expr));
      break;
    case ExprKind::Name:
      value = nameValue(frame, expr);
      break;
    case ExprKind::Unary:
      value = unary(frame, expr, operands[0], *texts[0]);
      break;
    case ExprKind::Binary:
      value = binary(frame, expr, operands[0], operands[1], *texts[0], *texts[1]);
      break;
    case ExprKind::Call:
      value = call(frame, expr, operands, texts);
      break;
    }
    values.resize(first);
    written.resize(first);
    values.push_back(value);
    written.push_back(&expr);
  }
  return exhausted ? Value() : values.back();
}

Value Expander::apply(Op op, std::initializer_list<Value> operands, Span span) {
  std::array<NodeId, 3> nodes{};
  size_t count = 0;
  bool literal = true;
  for (const Value &value : operands) {
    if (!value.valid())
      return {};
    nodes[count++] = value.node;
    literal &= graph[value.node].op == Op::Constant;
  }
  Value result;
  result.node = count == 1   ? graph.apply(op, {nodes[0]}, span)
                : count == 2 ? graph.apply(op, {nodes[0], nodes[1]}, span)
                             : graph.apply(op, {nodes[0], nodes[1], nodes[2]}, span);
  const Node &node = graph[result.node];
  if (literal && node.op == Op::Constant && !std::isfinite(float(node.constant))) { // SPEC T6
    report(DiagnosticKind::NonFiniteConstant, span,
           "this is " + formatNumber(node.constant) + ", which float32 does not hold as a number");
    return {};
  }
  if (graph.size() > Limits::nodes) { // SPEC X9
    report(DiagnosticKind::TooManyNodes, span,
           "this is operation " + std::to_string(graph.size()) +
               " of the objective, the limit is " + std::to_string(Limits::nodes));
    exhausted = true;
    return {};
  }
  return result;
}

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
  if (auto input = inputByName(expr.name))
    return {graph.input(*input, span), kInputUnits[size_t(*input)]};
  if (Definition *found = definition(frame, expr.name)) {
    found->used = true;
    if (!found->isFunction())
      return found->value;
    report(DiagnosticKind::NotAFunction, span,
           quoted(expr.name) + " is a function and is called, as in `" + expr.name + "(x)`")
        .notes.push_back({found->item->name.span, "defined here"});
    return {};
  }
  if (library().findPrelude(expr.name))
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
  const Item *item = library().findPrelude(name);
  assert(item && "not a prelude name");
  const Value value = expandIn({.ast = library().ast, .librarySpan = Span{}}, item->value);
  prelude_.emplace_back(item->name.text, value);
  return value;
}

void Expander::reportUndeclared(const Frame &frame, const Expr &expr) {
  Diagnostic &found = report(DiagnosticKind::UndeclaredName, expr.span,
                             quoted(expr.name) + " is not defined above");
  for (const Item &item : ast_.items)
    if (item.kind != ItemKind::Loss && item.kind != ItemKind::Reward &&
        item.kind != ItemKind::Metric && item.name.text == expr.name) {
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
  for (const Item &item : library().ast.items)
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

void Expander::reportMissingFunction(const Frame &frame, const Expr &expr) {
  const bool value =
      inputByName(expr.name) || library().findPrelude(expr.name) ||
      (frame.function && std::any_of(frame.function->formals.begin(), frame.function->formals.end(),
                                     [&](const Name &formal) { return formal.text == expr.name; }));
  if (value) {
    report(DiagnosticKind::NotAFunction, expr.nameSpan,
           quoted(expr.name) + " is a value; a product is written with `*`");
    return;
  }
  if (isLaterBuiltin(expr.name)) {
    report(DiagnosticKind::NotAvailable, expr.nameSpan,
           quoted(expr.name) + " is not available in this version");
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
  if (const std::string_view ours = aliasOf(expr.name); findBuiltin(ours)) {
    found.edits.push_back({expr.nameSpan, std::string(ours), true});
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

bool Expander::wantKind(const Frame &frame, const Expr &expr, Value value, Kind kind,
                        std::string_view user) {
  if (!value.valid())
    return false;
  const Kind found = graph[value.node].type.kind;
  if (found == kind)
    return true;
  // SPEC T2
  Diagnostic &report_ =
      report(DiagnosticKind::KindMismatch, spanIn(frame, expr),
             quoted(user) + (kind == Kind::Real ? " takes a real, found a truth value"
                                                : " takes a truth value, found a real"));
  noteCallers(frame, report_);
  const bool writtenHere = expr.kind == ExprKind::Binary || expr.kind == ExprKind::Unary;
  if (kind == Kind::Real && writtenHere && !frame.librarySpan) {
    std::string text(source_.slice(expr.span));
    if (expr.parenthesised)
      text = text.substr(1, text.size() - 2);
    report_.edits.push_back({expr.span, "where(" + text + ", 1, 0)", true});
  }
  return false;
}

Unit Expander::combine(const Frame &frame, const Expr &expr, Unit left, Unit right,
                       const Expr &leftExpr, const Expr &rightExpr) {
  if (left == Unit::None || right == Unit::None || frame.librarySpan)
    return Unit::None;
  if (left == right)
    return left;
  Diagnostic &found =
      report(DiagnosticKind::MixedUnits, expr.span,
             std::string(unitName(left)) + " meets " + std::string(unitName(right)));
  found.notes.push_back({leftExpr.span, "this is " + std::string(unitName(left))});
  found.notes.push_back({rightExpr.span, "this is " + std::string(unitName(right))});
  return Unit::None;
}

Value Expander::unary(const Frame &frame, const Expr &expr, Value operand,
                      const Expr &operandExpr) {
  const bool negate = expr.op == Operator::Negate;
  if (!wantKind(frame, operandExpr, operand, negate ? Kind::Real : Kind::Bool,
                operatorText(expr.op)))
    return {};
  Value result = apply(negate ? Op::Neg : Op::Not, {operand}, spanIn(frame, expr));
  result.unit = negate ? operand.unit : Unit::None;
  return result;
}

Value Expander::binary(const Frame &frame, const Expr &expr, Value left, Value right,
                       const Expr &leftExpr, const Expr &rightExpr) {
  const bool logic = expr.op == Operator::And || expr.op == Operator::Or;
  const Kind kind = logic ? Kind::Bool : Kind::Real;
  const bool leftFits = wantKind(frame, leftExpr, left, kind, operatorText(expr.op));
  const bool rightFits = wantKind(frame, rightExpr, right, kind, operatorText(expr.op));
  if (!leftFits || !rightFits)
    return {};
  const Span span = spanIn(frame, expr);
  const auto with = [&](Op op, Unit unit) {
    Value result = apply(op, {left, right}, span);
    result.unit = unit;
    return result;
  };
  const auto combined = [&] {
    return combine(frame, expr, left.unit, right.unit, leftExpr, rightExpr);
  };
  const bool literalLeft = graph[left.node].op == Op::Constant;
  const bool literalRight = graph[right.node].op == Op::Constant;
  const bool perTokenTimesCount = (left.unit == Unit::PerToken && right.unit == Unit::Count) ||
                                  (left.unit == Unit::Count && right.unit == Unit::PerToken);
  switch (expr.op) {
  case Operator::Add:
    return with(Op::Add, combined());
  case Operator::Subtract:
    return with(Op::Sub, combined());
  case Operator::Multiply:
    return with(Op::Mul, literalLeft          ? right.unit
                         : literalRight       ? left.unit
                         : perTokenTimesCount ? Unit::LogProb
                                              : Unit::None);
  case Operator::Divide:
    return with(Op::Div, literalRight                                              ? left.unit
                         : left.unit == Unit::LogProb && right.unit == Unit::Count ? Unit::PerToken
                                                                                   : Unit::None);
  case Operator::Power:
    if (graph[right.node].hasGradient) { // SPEC T5
      Diagnostic &found =
          report(DiagnosticKind::ExponentGradient, spanIn(frame, rightExpr),
                 "this exponent depends on the policy; write `exp(p * log(x))`, or `detach` it");
      noteCallers(frame, found);
      return {};
    }
    return with(Op::Pow, Unit::None);
  case Operator::Less:
  case Operator::LessEqual:
  case Operator::Greater:
  case Operator::GreaterEqual: {
    combined();
    const bool swapped = expr.op == Operator::Greater || expr.op == Operator::GreaterEqual;
    const bool strict = expr.op == Operator::Less || expr.op == Operator::Greater;
    return apply(strict ? Op::Lt : Op::Le, {swapped ? right : left, swapped ? left : right}, span);
  }
  case Operator::Equal:
    combined();
    return with(Op::Eq, Unit::None);
  case Operator::NotEqual:
    combined();
    return with(Op::Ne, Unit::None);
  case Operator::And:
    return with(Op::And, Unit::None);
  case Operator::Or:
    return with(Op::Or, Unit::None);
  case Operator::Negate:
  case Operator::Not:
    break;
  }
  assert(false && "not a binary operator");
  return {};
}

bool Expander::wantArity(const Frame &frame, const Expr &expr, size_t given, size_t wanted,
                         std::optional<Span> declared) {
  if (given == wanted) // SPEC T3
    return true;
  Diagnostic &found = report(DiagnosticKind::WrongArity, spanIn(frame, expr),
                             quoted(expr.name) + " takes " + plural(wanted, "argument") +
                                 ", found " + std::to_string(given));
  if (declared)
    found.notes.push_back({*declared, "defined here"});
  return false;
}

Value Expander::call(const Frame &frame, const Expr &expr, std::span<const Value> arguments,
                     std::span<const Expr *const> written) {
  if (const Builtin *builtin = findBuiltin(expr.name))
    return callBuiltin(frame, *builtin, expr, arguments, written);
  Definition *found = definition(frame, expr.name);
  if (!found) {
    reportMissingFunction(frame, expr);
    return {};
  }
  found->used = true;
  if (!found->isFunction()) {
    report(DiagnosticKind::NotAFunction, expr.nameSpan,
           quoted(expr.name) + " is a value; a product is written with `*`")
        .notes.push_back({found->item->name.span, "defined here"});
    return {};
  }
  const Item &function = *found->item;
  if (!wantArity(frame, expr, arguments.size(), function.formals.size(), function.name.span))
    return {};
  return callFunction(frame, ast_, function, size_t(found - definitions.data()), std::nullopt, expr,
                      arguments);
}

Value Expander::callBuiltin(const Frame &frame, const Builtin &builtin, const Expr &expr,
                            std::span<const Value> arguments,
                            std::span<const Expr *const> written) {
  if (!wantArity(frame, expr, arguments.size(), builtin.arity, std::nullopt))
    return {};
  const bool select = builtin.primitive == Op::Select;
  bool fits = true;
  for (size_t i = 0; i < arguments.size(); ++i)
    fits &= wantKind(frame, *written[i], arguments[i], select && i == 0 ? Kind::Bool : Kind::Real,
                     builtin.name);
  if (!fits)
    return {};
  if (builtin.name.starts_with("batch_") &&
      graph[arguments[0].node].type.extent == Extent::Batch) { // SPEC T4
    Diagnostic &found =
        report(DiagnosticKind::ReductionOfBatch, spanIn(frame, expr),
               quoted(builtin.name) + " of a batch value, which is one number per batch already");
    if (!frame.librarySpan)
      found.notes.push_back({written[0]->span, "this is one number per batch"});
    noteCallers(frame, found);
    return {};
  }
  const Span span = spanIn(frame, expr);
  if (!builtin.primitive) {
    const Item *function = library().findFunction(builtin.name);
    return callFunction(frame, library().ast, *function, 0, span, expr, arguments);
  }
  Value result;
  switch (arguments.size()) {
  case 1:
    result = apply(*builtin.primitive, {arguments[0]}, span);
    result.unit = *builtin.primitive == Op::Detach ? arguments[0].unit : Unit::None;
    break;
  case 2:
    result = apply(*builtin.primitive, {arguments[0], arguments[1]}, span);
    result.unit =
        combine(frame, expr, arguments[0].unit, arguments[1].unit, *written[0], *written[1]);
    break;
  default:
    result = apply(*builtin.primitive, {arguments[0], arguments[1], arguments[2]}, span);
    result.unit =
        combine(frame, expr, arguments[1].unit, arguments[2].unit, *written[1], *written[2]);
  }
  if (result.valid())
    warnUnstable(frame, expr, result.node);
  return result;
}

Value Expander::callFunction(const Frame &frame, const Ast &ast, const Item &function,
                             size_t visible, std::optional<Span> librarySpan, const Expr &expr,
                             std::span<const Value> arguments) {
  if (++expansions_ > Limits::expansions) { // SPEC X8
    report(DiagnosticKind::TooManyExpansions, spanIn(frame, expr),
           "calls expand to more than " + std::to_string(Limits::expansions) + " calls");
    exhausted = true;
    return {};
  }
  if (!librarySpan && frame.librarySpan)
    librarySpan = frame.librarySpan;
  // SPEC I7. Operands move on the caller's stack while the body is expanded.
  const std::vector<Value> own(arguments.begin(), arguments.end());
  const Frame body{.ast = ast,
                   .function = &function,
                   .arguments = own,
                   .visible = visible,
                   .librarySpan = librarySpan,
                   .caller = &frame,
                   .call = spanIn(frame, expr)};
  Value result = expandIn(body, function.value);
  if (librarySpan)
    result.unit = Unit::None; // SPEC U1: functions give unitless values
  return result;
}

/// Forms that overflow or cancel where an equal one does not. SPEC U2.
void Expander::warnUnstable(const Frame &frame, const Expr &expr, NodeId id) {
  const Node &node = graph[id];
  if (frame.librarySpan || (node.op != Op::Log && node.op != Op::Log1p))
    return;
  const Node &inner = graph[node.operands[0]];
  const auto isOne = [&](NodeId operand) {
    return graph[operand].op == Op::Constant && graph[operand].constant == 1;
  };
  const auto isExp = [&](NodeId operand) { return graph[operand].op == Op::Exp; };
  std::string_view form, better;
  if (node.op == Op::Log && inner.op == Op::Sigmoid)
    form = "log(sigmoid(x))", better = "logsigmoid(x)";
  else if (node.op == Op::Log1p && inner.op == Op::Exp)
    form = "log1p(exp(x))", better = "softplus(x)";
  else if (node.op == Op::Log && inner.op == Op::Add &&
           ((isOne(inner.operands[0]) && isExp(inner.operands[1])) ||
            (isExp(inner.operands[0]) && isOne(inner.operands[1]))))
    form = "log(1 + exp(x))", better = "softplus(x)";
  else if (node.op == Op::Log && inner.op == Op::Sub && isOne(inner.operands[0]) &&
           isExp(inner.operands[1]))
    form = "log(1 - exp(x))", better = "log1mexp(x)";
  else if (node.op == Op::Log && inner.op == Op::Sub && isOne(inner.operands[0]) &&
           graph[inner.operands[1]].op == Op::Sigmoid)
    form = "log(1 - sigmoid(x))", better = "-softplus(x)";
  if (!form.empty())
    report(DiagnosticKind::UnstableForm, expr.span,
           quoted(form) + " is not finite for large x; write " + quoted(better));
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
        reportMissingFunction(frame, expr);
    }
  }
}

} // namespace disco::dsl
