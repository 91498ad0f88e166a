#include "dsl/Expander.h"

#include "dsl/Limits.h"
#include "dsl/support/Number.h"

#include <algorithm>
#include <cassert>

namespace disco::dsl {

namespace {

std::string plural(size_t count, std::string_view noun) {
  return std::to_string(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

} // namespace

std::string_view extentText(Extent extent) {
  switch (extent) {
  case Extent::Batch:
    return "one number per batch";
  case Extent::Pair:
    return "one number per pair";
  case Extent::ChosenToken:
    return "one number per token of the chosen completion";
  case Extent::RejectedToken:
    return "one number per token of the rejected completion";
  }
  return {};
}

Diagnostic &Expander::report(DiagnosticKind kind, Span span, std::string message) {
  const std::pair key(kind, span);
  if (std::find(reported_.begin(), reported_.end(), key) != reported_.end())
    return repeated_ = Diagnostic{kind, span, {}, {}, {}};
  reported_.push_back(key);
  return diagnostics_.report(kind, span, std::move(message));
}

Span Expander::spanIn(const Frame &frame, const Expr &expr) const {
  return frame.authorSpan.value_or(expr.span);
}

/// A finding inside a function is about the call as much as about the body.
void Expander::noteCallers(const Frame &frame, Diagnostic &found) {
  for (const Frame *at = &frame; at->caller && !at->authorSpan; at = at->caller)
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

Value Expander::apply(Op op, std::span<const Value> operands, Span span) {
  std::array<NodeId, 3> nodes{};
  bool literal = true;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (!operands[i].valid())
      return {};
    nodes[i] = operands[i].node;
    literal &= graph[nodes[i]].op == Op::Constant;
  }
  Value result;
  result.node = graph.apply(op, std::span(nodes).first(operands.size()), span);
  const Node &node = graph[result.node];
  if (literal && node.op == Op::Constant && !isFloat32Number(node.constant)) { // SPEC T6
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

bool Expander::isConst(NodeId root) const {
  std::vector<bool> read(root + 1);
  read[root] = true;
  for (NodeId id = root + 1; id-- > 0;) {
    const Node &node = graph[id];
    if (!read[id])
      continue;
    if (opShape(node.op) == OpShape::Leaf && node.op != Op::Constant && node.op != Op::Parameter)
      return false;
    for (unsigned i = 0; i < opArity(node.op); ++i)
      read[node.operands[i]] = true;
  }
  return true;
}

bool Expander::countExpansions(size_t count, Span span) {
  expansions += count;
  if (expansions <= Limits::expansions)
    return true;
  report(DiagnosticKind::TooManyExpansions, span,
         "calls expand to more than " + std::to_string(Limits::expansions) + " calls");
  exhausted = true;
  return false;
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
  // An argument of a function is another expression at every call.
  const bool writtenHere = expr.kind == ExprKind::Binary || expr.kind == ExprKind::Unary ||
                           (expr.kind == ExprKind::Name && !frame.function);
  if (kind == Kind::Real && writtenHere && !frame.authorSpan) {
    std::string text(source_.slice(expr.span));
    if (expr.parenthesised)
      text = text.substr(1, text.size() - 2);
    report_.edits.push_back({expr.span, "where(" + text + ", 1, 0)", true});
  }
  return false;
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
  if (!meet(frame, expr, std::array{left, right}, std::array{&leftExpr, &rightExpr}))
    return {};
  if (expr.op == Operator::Power && graph[right.node].hasGradient) { // SPEC T5
    Diagnostic &found =
        report(DiagnosticKind::ExponentGradient, spanIn(frame, rightExpr),
               "this exponent depends on the policy; write `exp(p * log(x))`, or `detach` it");
    noteCallers(frame, found);
    return {};
  }
  const bool swapped = expr.op == Operator::Greater || expr.op == Operator::GreaterEqual;
  Value result = apply(operationOf(expr.op), {swapped ? right : left, swapped ? left : right},
                       spanIn(frame, expr));
  result.unit = binaryUnit(frame, expr, left, right, leftExpr, rightExpr);
  return result;
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
    reportMissingFunction(frame, expr, arguments);
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
  if (!wantExtent(frame, builtin, expr, arguments[0], *written[0]) ||
      !meet(frame, expr, arguments, written))
    return {};
  const Span span = spanIn(frame, expr);
  if (builtin.name == "token_count")
    return input(tokenCountInput(graph[arguments[0].node].type.extent), span);
  if (!builtin.primitive) {
    const Definitions &builtins = builtinDefinitions();
    return callFunction(frame, builtins.ast, *builtins.findFunction(builtin.name), 0, span, expr,
                        arguments);
  }
  const Op op = *builtin.primitive;
  if (op == Op::BatchQuantile && !wantLevel(frame, arguments[1], *written[1]))
    return {};
  Value result = apply(op, arguments, span);
  if (!result.valid())
    return {};
  result.unit = primitiveUnit(frame, op, expr, arguments, written);
  warnUnstable(frame, expr, result.node);
  return result;
}

/// SPEC T4, T8: `batch_` functions take a pair value, `token_` functions a token value.
bool Expander::wantExtent(const Frame &frame, const Builtin &builtin, const Expr &expr,
                          Value argument, const Expr &written) {
  const Extent extent = graph[argument.node].type.extent;
  const bool batch = builtin.name.starts_with("batch_"), token = builtin.name.starts_with("token_");
  if ((!batch && !token) || (batch ? extent == Extent::Pair : isToken(extent)))
    return true;
  Diagnostic &found =
      batch && extent == Extent::Batch
          ? report(DiagnosticKind::ReductionOfBatch, spanIn(frame, expr),
                   quoted(builtin.name) +
                       " of a batch value, which is one number per batch already")
          : report(DiagnosticKind::WrongExtent, spanIn(frame, expr),
                   quoted(builtin.name) +
                       (batch ? " takes one number per pair; reduce tokens with `token_sum` or "
                                "`token_mean` first"
                              : " takes one number per token"));
  if (!frame.authorSpan)
    found.notes.push_back({written.span, "this is " + std::string(extentText(extent))});
  noteCallers(frame, found);
  return false;
}

/// SPEC T11
bool Expander::wantLevel(const Frame &frame, Value level, const Expr &written) {
  const Span span = spanIn(frame, written);
  if (!isConst(level.node)) {
    Diagnostic &found = report(DiagnosticKind::NotConstant, span,
                               "the level of `batch_quantile` is an expression over numbers and "
                               "parameters");
    noteCallers(frame, found);
    return false;
  }
  constraints.push_back(
      {level.node,
       {.name = "the level of `batch_quantile`", .lower = 0, .upper = 1, .span = span}});
  return true;
}

Value Expander::callFunction(const Frame &frame, const Ast &ast, const Item &function,
                             size_t visible, std::optional<Span> authorSpan, const Expr &expr,
                             std::span<const Value> arguments) {
  if (!countExpansions(1, spanIn(frame, expr)))
    return {};
  if (!authorSpan && frame.authorSpan)
    authorSpan = frame.authorSpan;
  // SPEC I7. Operands move on the caller's stack while the body is expanded.
  const std::vector<Value> own(arguments.begin(), arguments.end());
  const Frame body{.ast = ast,
                   .function = &function,
                   .arguments = own,
                   .visible = visible,
                   .authorSpan = authorSpan,
                   .caller = &frame,
                   .call = spanIn(frame, expr)};
  return expandIn(body, function.value);
}

} // namespace disco::dsl
