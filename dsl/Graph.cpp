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
  return share({.type = {}, .constant = value, .span = span});
}

NodeId Graph::parameter(uint32_t index, Span span) {
  return share({.op = Op::Parameter, .type = {}, .index = index, .span = span});
}

NodeId Graph::input(Input input, Span span) {
  return share({.op = Op::Input,
                .type = {.extent = inputExtent(input)},
                .hasGradient = inputHasGradient(input),
                .index = uint32_t(input),
                .span = span});
}

NodeId Graph::column(uint32_t index, Span span) {
  return share({.op = Op::Column, .type = {.extent = Extent::Pair}, .index = index, .span = span});
}

NodeId Graph::state(uint32_t index, Span span) {
  return share({.op = Op::State, .type = {}, .index = index, .span = span});
}

NodeId Graph::apply(Op op, std::span<const NodeId> operands, Span span) {
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

namespace {

/// What the results read: nodes, and the states and columns among them. A state that is read needs
/// its first value and its `next`, which may read further states.
struct Read {
  explicit Read(const Program &program)
      : nodes(program.nodes.size()), states(program.states.size()),
        columns(program.columns.size()) {
    for (NodeId result : {program.loss, program.chosenReward, program.rejectedReward})
      nodes[result] = true;
    for (const Metric &metric : program.metrics)
      nodes[metric.value] = true;
    for (const Constraint &constraint : program.constraints)
      nodes[constraint.value] = true;
    while (follow(program))
      ;
  }

  std::vector<bool> nodes, states, columns;

private:
  /// Whether a state was found to be read.
  bool follow(const Program &program) {
    bool found = false;
    for (size_t id = program.nodes.size(); id-- > 0;) {
      const Node &node = program.nodes[id];
      if (!nodes[id])
        continue;
      for (unsigned i = 0; i < opArity(node.op); ++i)
        nodes[node.operands[i]] = true;
      if (node.op == Op::Column)
        columns[node.index] = true;
      if (node.op != Op::State || states[node.index])
        continue;
      found = states[node.index] = true;
      nodes[program.states[node.index].initial] = true;
      nodes[program.states[node.index].next] = true;
    }
    return found;
  }
};

/// Removes what is not kept; where each of those kept went.
template <typename T>
std::vector<uint32_t> keepOnly(std::vector<T> &items, const std::vector<bool> &kept) {
  std::vector<uint32_t> renumbered(items.size(), kNoNode);
  uint32_t count = 0;
  for (size_t i = 0; i < items.size(); ++i)
    if (kept[i]) {
      renumbered[i] = count;
      if (count != i)
        items[count] = std::move(items[i]);
      ++count;
    }
  items.resize(count);
  return renumbered;
}

} // namespace

void removeUnused(Program &program) {
  const Read read(program);
  const std::vector<uint32_t> columns = keepOnly(program.columns, read.columns);
  const std::vector<uint32_t> states = keepOnly(program.states, read.states);
  const std::vector<NodeId> nodes = keepOnly(program.nodes, read.nodes);
  for (Node &node : program.nodes) {
    for (unsigned i = 0; i < opArity(node.op); ++i)
      node.operands[i] = nodes[node.operands[i]];
    if (node.op == Op::Column)
      node.index = columns[node.index];
    if (node.op == Op::State)
      node.index = states[node.index];
  }
  renumberResults(program, nodes);
}

void renumberResults(Program &program, std::span<const NodeId> nodes) {
  for (NodeId *result : {&program.loss, &program.chosenReward, &program.rejectedReward})
    *result = nodes[*result];
  for (Metric &metric : program.metrics)
    metric.value = nodes[metric.value];
  for (Constraint &constraint : program.constraints)
    constraint.value = nodes[constraint.value];
  for (State &state : program.states) {
    state.initial = nodes[state.initial];
    state.next = nodes[state.next];
  }
}

} // namespace disco::dsl
