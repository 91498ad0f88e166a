// Operands side by side: the two completions' tokens never meet; units, and rank order with batch
// order, should not.
#include "dsl/Expander.h"

#include "dsl/Builtins.h"

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

bool perTokenAndCount(Unit a, Unit b) {
  return (a == Unit::PerToken && b == Unit::Count) || (a == Unit::Count && b == Unit::PerToken);
}

/// The x of `log(f(x))`, `log(1 + f(x))` and `log(f(x) + 1)` where it is written so, and not by
/// name. Operands lie before what uses them, the last one next to it.
std::optional<Span> innerArgument(const Expr &logarithm) {
  const Expr *at = &logarithm - 1;
  if (at->kind == ExprKind::Binary)
    --at;
  if (at->kind == ExprKind::Number)
    --at;
  const bool written = at->kind == ExprKind::Call && (at->name == "exp" || at->name == "sigmoid");
  return written ? std::optional((at - 1)->span) : std::nullopt;
}

} // namespace

Value Expander::input(Input input, Span span) {
  return {graph.input(input, span), kInputUnits[size_t(input)]};
}

/// False where the values cannot stand side by side.
bool Expander::meet(const Frame &frame, const Expr &expr, std::span<const Value> values,
                    std::span<const Expr *const> written) {
  const auto places = [&](Diagnostic &found, size_t i, const char *first, size_t j,
                          const char *second) {
    if (!frame.authorSpan) {
      found.notes.push_back({written[i]->span, first});
      found.notes.push_back({written[j]->span, second});
    }
    noteCallers(frame, found);
  };
  for (size_t i = 0; i < values.size(); ++i)
    for (size_t j = i + 1; j < values.size(); ++j) {
      const Extent a = graph[values[i].node].type.extent, b = graph[values[j].node].type.extent;
      if (isToken(a) && isToken(b) && a != b) { // SPEC T9
        Diagnostic &found = report(
            DiagnosticKind::MixedSides, spanIn(frame, expr),
            "tokens of the chosen completion meet tokens of the rejected one; reduce both to one "
            "number per pair with `token_sum` or `token_mean` first");
        const bool chosenFirst = a == Extent::ChosenToken;
        places(found, chosenFirst ? i : j, "one per token of the chosen completion",
               chosenFirst ? j : i, "one per token of the rejected completion");
        return false;
      }
      const Order left = orderOf(values[i].node), right = orderOf(values[j].node);
      const bool mixed = (left == Order::Rank && right == Order::Batch) ||
                         (left == Order::Batch && right == Order::Rank);
      if (!mixed)
        continue;
      Diagnostic &found = report(DiagnosticKind::MixedOrder, spanIn(frame, expr), // SPEC U3
                                 "values in rank order meet values in batch order");
      places(found, left == Order::Rank ? i : j, "in rank order, by `batch_sort`",
             left == Order::Rank ? j : i, "in batch order");
    }
  return true;
}

Order Expander::orderOf(NodeId id) {
  for (NodeId next = NodeId(orders_.size()); next < graph.size(); ++next) {
    const Node &node = graph[next];
    std::array<bool, 4> seen{};
    for (unsigned i = 0; i < opArity(node.op); ++i)
      seen[size_t(orders_[node.operands[i]])] = true;
    const bool ranked = seen[size_t(Order::Rank)], unranked = seen[size_t(Order::Batch)];
    orders_.push_back(node.type.extent == Extent::Batch                    ? Order::None
                      : node.op == Op::BatchSort                           ? Order::Rank
                      : seen[size_t(Order::Mixed)] || (ranked && unranked) ? Order::Mixed
                      : ranked                                             ? Order::Rank
                                                                           : Order::Batch);
  }
  return orders_[id];
}

Unit Expander::combine(const Frame &frame, const Expr &expr, Unit left, Unit right,
                       const Expr &leftExpr, const Expr &rightExpr) {
  if (left == Unit::None || right == Unit::None)
    return Unit::None;
  if (left == right)
    return left;
  if (frame.authorSpan)
    return Unit::None;
  Diagnostic &found =
      report(DiagnosticKind::MixedUnits, expr.span,
             std::string(unitName(left)) + " meets " + std::string(unitName(right)));
  found.notes.push_back({leftExpr.span, "this is " + std::string(unitName(left))});
  found.notes.push_back({rightExpr.span, "this is " + std::string(unitName(right))});
  return Unit::None;
}

/// SPEC U1
Unit Expander::binaryUnit(const Frame &frame, const Expr &expr, Value left, Value right,
                          const Expr &leftExpr, const Expr &rightExpr) {
  const bool literalLeft = graph[left.node].op == Op::Constant;
  const bool literalRight = graph[right.node].op == Op::Constant;
  switch (expr.op) {
  case Operator::Multiply:
    return literalLeft                               ? right.unit
           : literalRight                            ? left.unit
           : perTokenAndCount(left.unit, right.unit) ? Unit::LogProb
                                                     : Unit::None;
  case Operator::Divide:
    return literalRight                                              ? left.unit
           : left.unit == Unit::LogProb && right.unit == Unit::Count ? Unit::PerToken
                                                                     : Unit::None;
  case Operator::Power:
  case Operator::And:
  case Operator::Or:
    return Unit::None;
  default:
    const Unit unit = combine(frame, expr, left.unit, right.unit, leftExpr, rightExpr);
    return isComparison(expr.op) ? Unit::None : unit;
  }
}

Unit Expander::primitiveUnit(const Frame &frame, Op op, const Expr &expr,
                             std::span<const Value> arguments,
                             std::span<const Expr *const> written) {
  switch (op) {
  case Op::Detach:
    return arguments[0].unit;
  case Op::TokenSum:
    return arguments[0].unit == Unit::PerToken ? Unit::LogProb : Unit::None;
  case Op::Min:
  case Op::Max:
    return combine(frame, expr, arguments[0].unit, arguments[1].unit, *written[0], *written[1]);
  case Op::Select:
    return combine(frame, expr, arguments[1].unit, arguments[2].unit, *written[1], *written[2]);
  default:
    return Unit::None;
  }
}

/// Forms that overflow or cancel where an equal one does not. SPEC U2.
void Expander::warnUnstable(const Frame &frame, const Expr &expr, NodeId id) {
  const Node &node = graph[id];
  if (frame.authorSpan || (node.op != Op::Log && node.op != Op::Log1p))
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
  if (form.empty())
    return;
  Diagnostic &found = report(DiagnosticKind::UnstableForm, expr.span,
                             quoted(form) + " is not finite for large x; write " + quoted(better));
  // No safe edit: the better form has other bits.
  if (const std::optional<Span> argument = innerArgument(expr)) {
    std::string text(better);
    text.replace(text.find("(x)") + 1, 1, source_.slice(*argument));
    found.edits.push_back({expr.span, text.front() == '-' ? "(" + text + ")" : text, false});
  }
}

} // namespace disco::dsl
