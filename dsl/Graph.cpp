#include "dsl/Graph.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

namespace disco::dsl {

std::optional<double> foldedValue(Op op, std::span<const double> operands) {
  const double x = operands.empty() ? 0 : operands[0];
  const double y = operands.size() < 2 ? 0 : operands[1];
  switch (op) {
  case Op::Neg:
    return -x;
  case Op::Exp:
    return std::exp(x);
  case Op::Log:
    return std::log(x);
  case Op::Log1p:
    return std::log1p(x);
  case Op::Expm1:
    return std::expm1(x);
  case Op::Sqrt:
    return std::sqrt(x);
  case Op::Abs:
    return std::fabs(x);
  case Op::Sign:
    return x > 0 ? 1 : x < 0 ? -1 : x;
  case Op::Tanh:
    return std::tanh(x);
  case Op::Sigmoid:
    return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
  case Op::Softplus:
    return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x)));
  case Op::Detach:
    return x;
  case Op::Add:
    return x + y;
  case Op::Sub:
    return x - y;
  case Op::Mul:
    return x * y;
  case Op::Div:
    return x / y;
  case Op::Pow:
    return std::pow(x, y);
  case Op::Min:
    return std::min(x, y);
  case Op::Max:
    return std::max(x, y);
  case Op::Constant:
  case Op::Parameter:
  case Op::Input:
  case Op::Column:
  case Op::State:
  case Op::Lt:
  case Op::Le:
  case Op::Eq:
  case Op::Ne:
  case Op::And:
  case Op::Or:
  case Op::Not:
  case Op::Select:
  case Op::BatchSum:
  case Op::BatchMax:
  case Op::BatchQuantile:
  case Op::BatchSort:
  case Op::TokenSum:
    return std::nullopt;
  }
  return std::nullopt;
}

NodeId Graph::share(const Node &node) {
  // Programs have at most a few hundred nodes (Limits::nodes) and most have thirty: a scan beats a
  // table.
  for (NodeId id = NodeId(nodes_.size()); id-- > 0;) {
    const Node &seen = nodes_[id];
    if (seen.op == node.op && seen.operands == node.operands && seen.index == node.index &&
        std::bit_cast<uint64_t>(seen.constant) == std::bit_cast<uint64_t>(node.constant))
      return id;
  }
  nodes_.push_back(node);
  return NodeId(nodes_.size() - 1);
}

NodeId Graph::constant(double value, Span span) {
  Node node;
  node.constant = value;
  node.span = span;
  return share(node);
}

NodeId Graph::parameter(uint32_t index, Span span) {
  Node node;
  node.op = Op::Parameter;
  node.index = index;
  node.span = span;
  return share(node);
}

NodeId Graph::input(Input input, Span span) {
  Node node;
  node.op = Op::Input;
  node.type.extent = inputExtent(input);
  node.hasGradient = inputHasGradient(input);
  node.index = uint32_t(input);
  node.span = span;
  return share(node);
}

NodeId Graph::column(uint32_t index, Span span) {
  Node node;
  node.op = Op::Column;
  node.type.extent = Extent::Pair;
  node.index = index;
  node.span = span;
  return share(node);
}

NodeId Graph::state(uint32_t index, Span span) {
  Node node;
  node.op = Op::State;
  node.index = index;
  node.span = span;
  return share(node);
}

NodeId Graph::apply(Op op, std::initializer_list<NodeId> operands, Span span) {
  assert(operands.size() == opArity(op));
  std::array<double, 3> numbers{};
  size_t known = 0;
  Node node;
  node.op = op;
  node.span = span;
  size_t i = 0;
  for (NodeId operand : operands) {
    const Node &value = nodes_[operand];
    node.operands[i] = operand;
    node.type.extent = join(node.type.extent, value.type.extent);
    node.hasGradient |= value.hasGradient;
    known += value.op == Op::Constant;
    numbers[i++] = value.constant;
  }
  if (known == operands.size())
    if (auto value = foldedValue(op, std::span(numbers).first(known)))
      return constant(*value, span);
  const OpShape shape = opShape(op);
  if (shape == OpShape::Compare || shape == OpShape::Logic)
    node.type.kind = Kind::Bool;
  if (shape == OpShape::Reduce)
    node.type.extent = Extent::Batch;
  if (shape == OpShape::TokenReduce)
    node.type.extent = Extent::Pair;
  if (op == Op::Detach || op == Op::Sign || node.type.kind == Kind::Bool)
    node.hasGradient = false;
  return share(node);
}

NodeId Graph::copy(Node node, const std::array<NodeId, 3> &operands) {
  node.operands = operands;
  return share(node);
}

void removeUnused(Program &program) {
  std::vector<bool> used(program.nodes.size());
  const auto use = [&](NodeId id) { used[id] = true; };
  use(program.loss);
  use(program.chosenReward);
  use(program.rejectedReward);
  for (const Metric &metric : program.metrics)
    use(metric.value);
  for (const State &state : program.states) {
    use(state.initial);
    use(state.next);
  }
  for (size_t id = program.nodes.size(); id-- > 0;)
    for (unsigned i = 0; used[id] && i < opArity(program.nodes[id].op); ++i)
      use(program.nodes[id].operands[i]);
  std::vector<NodeId> renumbered(program.nodes.size(), kNoNode);
  std::vector<Node> kept;
  for (size_t id = 0; id < program.nodes.size(); ++id) {
    if (!used[id])
      continue;
    Node node = program.nodes[id];
    for (unsigned i = 0; i < opArity(node.op); ++i)
      node.operands[i] = renumbered[node.operands[i]];
    renumbered[id] = NodeId(kept.size());
    kept.push_back(node);
  }
  program.nodes = std::move(kept);
  program.loss = renumbered[program.loss];
  program.chosenReward = renumbered[program.chosenReward];
  program.rejectedReward = renumbered[program.rejectedReward];
  for (Metric &metric : program.metrics)
    metric.value = renumbered[metric.value];
  for (State &state : program.states) {
    state.initial = renumbered[state.initial];
    state.next = renumbered[state.next];
  }
}

} // namespace disco::dsl
