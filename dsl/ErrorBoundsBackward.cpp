// Error bounds of gradients: what each operation passes to its operands in the reverse sweep.
#include "dsl/ErrorAnalysis.h"
#include "dsl/InterpreterMath.h"

namespace disco::dsl {

namespace {

/// The slope of sigmoid as s (1 - s), whose second factor is known to a rounding of 1.
Estimate sigmoidSlope(const Estimate &x) {
  const double s = sigmoid(x.value);
  return closed(steepestSigmoid({x.value, 0}), steepestSigmoid(x) * x.error +
                                                   tolerance::elementary * tolerance::unit * s +
                                                   tolerance::underflow);
}

/// The slope of tanh as 1 - t^2, likewise; its own slope is at most twice itself.
Estimate tanhSlope(const Estimate &x) {
  return closed(steepestTanh({x.value, 0}),
                2 * steepestTanh(x) * x.error + 2 * tolerance::elementary * tolerance::unit);
}

/// p x^(p-1) with the exceptions of the language.
Estimate powSlope(const Estimate &x, const Estimate &p) {
  if (p.error == 0 && (p.value == 0 || (x.value == 0 && x.error == 0 && p.value < 1)))
    return {};
  const Estimate exponent{p.value - 1, p.error};
  const Estimate base = power(std::pow(x.value, exponent.value), x, exponent);
  return times({p.value, p.error}, base);
}

} // namespace

/// What node `id` passes at number i of its own extent (for a reduction: of its operand's) to one
/// of its operands.
Estimate ErrorAnalysis::contribution(NodeId id, unsigned operand, size_t i) const {
  const Node &node = program_[id];
  if (node.op == Op::TokenSum)
    return at(of_.adjoint_[id], pairOf(program_[node.operands[0]].type.extent, i));
  const Estimate g = at(of_.adjoint_[id], i);
  const Estimate y = value(id, i);
  const Estimate a = operandOf(node, 0, i);
  const Estimate b = opArity(node.op) > 1 ? operandOf(node, 1, i) : Estimate{};
  switch (node.op) {
  case Op::Neg:
    return {-g.value, g.error};
  case Op::Add:
    return g;
  case Op::Sub:
    return {operand == 0 ? g.value : -g.value, g.error};
  case Op::Exp:
    return times(g, y);
  case Op::Log:
    return times(g, roundedOnce(1 / a.value, relativeOfReciprocal(a) / std::fabs(a.value)));
  case Op::Log1p: {
    const Estimate t = roundedOnce(1 + a.value, a.error);
    return times(g, roundedOnce(1 / t.value, relativeOfReciprocal(t) / std::fabs(t.value)));
  }
  case Op::Expm1: { // exp(x), or y + 1 with a rounding of the larger term
    const double slope = std::exp(a.value);
    return times(g, closed(slope, slope * std::expm1(a.error) +
                                      tolerance::elementary * tolerance::unit * (slope + 1) +
                                      tolerance::underflow));
  }
  case Op::Sqrt:
    if (y.value == 0 && y.error == 0)
      return {};
    return times(g, roundedOnce(0.5 / y.value, 0.5 * relativeOfReciprocal(y) / y.value));
  case Op::Abs: {
    const Estimate passed{a.value > 0   ? g.value
                          : a.value < 0 ? -g.value
                                        : g.value * a.value,
                          g.error};
    if (std::isinf(a.error)) // of NaN the slope is NaN
      return {passed.value, kInfinity};
    if (uncertain(a, {}))
      return {passed.value, 2 * std::fabs(g.value) + g.error};
    return a.value == 0 ? Estimate{} : passed;
  }
  case Op::Tanh:
    return times(g, tanhSlope(a));
  case Op::Sigmoid:
    return times(g, sigmoidSlope(a));
  case Op::Softplus: {
    const double slope = sigmoid(a.value);
    return times(g, elementary(slope, steepestSigmoid(a) * a.error));
  }
  case Op::Mul:
    return times(g, operand == 0 ? b : a);
  case Op::Div: {
    const Estimate reciprocal =
        roundedOnce(1 / b.value, relativeOfReciprocal(b) / std::fabs(b.value));
    if (operand == 0)
      return times(g, reciprocal);
    const Estimate product = times(g, y);
    return times({-product.value, product.error}, reciprocal);
  }
  case Op::Pow:
    return times(g, powSlope(a, b));
  case Op::Min:
  case Op::Max: {
    const double difference = a.value - b.value;
    const bool loses = (node.op == Op::Min) == (operand == 0) ? difference > 0 : difference < 0;
    return shared(g, difference == 0 ? 0.5 : loses ? 0 : 1, uncertain(a, b));
  }
  case Op::Select:
    return shared(g, (a.value != 0) == (operand == 1) ? 1 : 0, a.error != 0);
  case Op::BatchSum:
    return g;
  case Op::BatchMax:
    return fromMax(g, id, i);
  case Op::BatchSort:
    return fromSort(id, i);
  case Op::BatchQuantile:
    return fromQuantile(g, id, i);
  default:
    return {};
  }
}

void ErrorAnalysis::accumulate(const Row &to, size_t i, const Estimate &passed) {
  const size_t at = slot(to, i);
  const bool first = magnitudes_[at] == 0;
  magnitudes_[at] += std::fabs(passed.value);
  errors_[at] += passed.error + (first ? 0 : tolerance::unit * magnitudes_[at]);
  errors_[at] = closed(to[i], errors_[at]).error;
}

void ErrorAnalysis::backward() {
  const NodeId loss = program_.loss;
  if (!of_.hasAdjoint_[loss])
    return;
  for (size_t i = 0; i < of_.sizeOf(loss); ++i) // 1 for a batch loss, 1/pairs otherwise
    store(of_.adjoint_[loss], i, roundedOnce(of_.adjoint_[loss][i], 0).error);
  for (NodeId id : of_.backwardOrder_) {
    const Node &node = program_[id];
    for (unsigned operand = 0; operand < opArity(node.op); ++operand) {
      const NodeId target = node.operands[operand];
      if (!of_.hasAdjoint_[target] || node.op == Op::Detach)
        continue;
      const Row &to = of_.adjoint_[target];
      const Extent wide = node.type.extent, narrow = program_[target].type.extent;
      const auto add = [&](size_t i, size_t begin, size_t end) {
        Sum sum;
        for (size_t from = begin; from < end; ++from)
          sum.add(contribution(id, operand, from));
        accumulate(to, i, sum.dividedBy(1));
      };
      if (narrow >= wide) { // a reduction passes to each of what it reduces
        for (size_t i = 0; i < of_.sizeOf(target); ++i)
          accumulate(to, i, contribution(id, operand, i));
      } else if (narrow == Extent::Batch) {
        add(0, 0, of_.sizeOf(id));
      } else {
        const std::span<const size_t> offsets = of_.offsetsOf(wide);
        for (size_t pair = 0; pair < of_.pairs_; ++pair)
          add(pair, offsets[pair], offsets[pair + 1]);
      }
    }
  }
}

} // namespace disco::dsl
