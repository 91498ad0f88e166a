// Error bounds of values: how each operation propagates the bounds of its operands.
#include "dsl/ErrorAnalysis.h"
#include "dsl/InterpreterMath.h"

namespace disco::dsl {

void ErrorAnalysis::forward() {
  const auto analyse = [&](std::span<const NodeId> order) {
    for (NodeId id : order)
      if (program_[id].op == Op::BatchSort)
        sortErrors(id);
      else
        for (size_t i = 0; i < of_.sizeOf(id); ++i)
          store(of_.value_[id], i, valueError(id, i));
  };
  analyse(of_.lossOrder_);
  const std::vector<bool> near = near_; // of the loss alone
  analyse(of_.reportOrder_);
  analyse(of_.nextOrder_);
  near_ = near;
}

/// Notes that a branch of node `id` is uncertain: at one pair, or at all where a batch value
/// decides.
bool ErrorAnalysis::branches(NodeId id, size_t i, bool uncertain) {
  const Extent extent = program_[id].type.extent;
  if (uncertain && extent == Extent::Batch)
    near_.assign(near_.size(), true);
  else if (uncertain)
    near_[pairOf(extent, i)] = true;
  return uncertain;
}

Estimate ErrorAnalysis::operandOf(const Node &node, unsigned operand, size_t i) const {
  const NodeId id = node.operands[operand];
  const bool spread = isToken(node.type.extent) && program_[id].type.extent == Extent::Pair;
  return value(id, spread ? pairOf(node.type.extent, i) : i);
}

double ErrorAnalysis::valueError(NodeId id, size_t i) {
  const Node &node = program_[id];
  const double y = of_.value_[id][i];
  const unsigned arity = opArity(node.op);
  const Estimate a = arity > 0 ? operandOf(node, 0, i) : Estimate{};
  const Estimate b = arity > 1 ? operandOf(node, 1, i) : Estimate{};
  switch (node.op) {
  case Op::Constant:
  case Op::Parameter:
  case Op::Input:
  case Op::Column:
  case Op::State:
    return roundedOnce(y, 0).error;
  case Op::Neg:
  case Op::Detach:
    return a.error;
  case Op::Abs:
    branches(id, i, uncertain(a, {}));
    return a.error;
  case Op::Sign:
    return !branches(id, i, uncertain(a, {})) ? 0 : std::isinf(a.error) ? kInfinity : 2;
  case Op::Exp:
    return positive(y, a, y * std::expm1(a.error)).error;
  case Op::Log:
    return elementary(y, logarithmic(a.value, a.error)).error;
  case Op::Log1p:
    return elementary(y, logarithmic(1 + a.value, a.error)).error;
  case Op::Expm1:
    return elementary(y, std::exp(a.value) * std::expm1(a.error)).error;
  case Op::Sqrt:
    return roundedOnce(y, a.error == 0         ? 0
                          : a.error <= a.value ? y - std::sqrt(a.value - a.error)
                                               : kInfinity)
        .error;
  case Op::Tanh:
    return elementary(y, steepestTanh(a) * a.error).error;
  case Op::Sigmoid:
    return positive(y, a, steepestSigmoid(a) * a.error).error;
  case Op::Softplus:
    return positive(y, a, sigmoid(a.value + a.error) * a.error).error;
  case Op::Add:
    return roundedOnce(y, a.error + b.error + lostOfSum(a.value, b.value)).error;
  case Op::Sub:
    return roundedOnce(y, a.error + b.error + lostOfSum(a.value, -b.value)).error;
  case Op::Mul:
    return roundedOnce(y, std::fabs(a.value) * b.error + std::fabs(b.value) * a.error +
                              a.error * b.error)
        .error;
  case Op::Div: {
    const double relative = relativeOfReciprocal(b);
    const double numerator = a.error == 0 ? 0 : a.error / std::fabs(b.value) * (1 + relative);
    return roundedOnce(y, numerator + (relative == 0 ? 0 : std::fabs(y) * relative)).error;
  }
  case Op::Pow:
    return power(y, a, b).error;
  case Op::Min:
  case Op::Max:
    branches(id, i, uncertain(a, b));
    return std::max(a.error, b.error);
  case Op::Lt:
  case Op::Le:
  case Op::Eq:
  case Op::Ne:
    return branches(id, i, uncertain(a, b)) ? 1 : 0;
  case Op::And: // certainly false if one side is
    return (a.error != 0 && (b.error != 0 || b.value != 0)) || (b.error != 0 && a.value != 0);
  case Op::Or:
    return (a.error != 0 && (b.error != 0 || b.value == 0)) || (b.error != 0 && a.value == 0);
  case Op::Not:
    return a.error;
  case Op::Select: {
    const Estimate c = operandOf(node, 2, i);
    if (a.error == 0)
      return a.value != 0 ? b.error : c.error;
    return closed(y, std::fabs(b.value - c.value) + std::max(b.error, c.error)).error;
  }
  case Op::BatchMax:
    return maxError(id);
  case Op::BatchQuantile:
    return quantileError(id);
  case Op::BatchSort: // sortErrors()
    break;
  case Op::BatchSum: {
    Sum sum;
    for (size_t pair = 0; pair < of_.pairs_; ++pair)
      sum.add(value(node.operands[0], pair));
    return sum.dividedBy(1).error;
  }
  case Op::TokenSum: {
    const std::span<const size_t> offsets = of_.offsetsOf(program_[node.operands[0]].type.extent);
    Sum sum;
    for (size_t token = offsets[i]; token < offsets[i + 1]; ++token)
      sum.add(value(node.operands[0], token));
    return sum.dividedBy(1).error;
  }
  }
  return kInfinity;
}

} // namespace disco::dsl
