// The reverse sweep: what each operation passes to its operands. SPEC lists the derivatives under
// the mnemonics.
#include "dsl/Interpreter.h"

#include "dsl/InterpreterMath.h"
#include "dsl/Summation.h"

namespace disco::dsl {

/// Adds what node `id` passes to one operand: contribution(adjoint of the node, index). An adjoint
/// of exactly 0 passes exactly 0, whatever the local derivative (SPEC N5). What a wider node passes
/// to a narrower operand is summed: over pairs, over tokens, or over the tokens of each pair.
template <Precision P, typename Contribution>
void Interpreter::pull(NodeId id, unsigned operand, Contribution contribution) {
  const NodeId target = program_[id].operands[operand];
  if (!hasAdjoint_[target])
    return;
  const Extent wide = program_[id].type.extent, narrow = program_[target].type.extent;
  const Row from = adjoint_[id], to = adjoint_[target];
  const size_t extent = sizeOf(id);
  const auto passed = [&](size_t i) {
    double adjoint = from.data[i];
    return adjoint == 0 ? 0.0 : contribution(adjoint, i);
  };
  if (narrow == wide) {
    for (size_t i = 0; i < extent; ++i)
      to.data[i] = rounded<P>(to.data[i] + passed(i));
    return;
  }
  contribution_.resize(extent);
  for (size_t i = 0; i < extent; ++i)
    contribution_[i] = passed(i);
  const auto add = [&](double &sum, size_t begin, size_t end) {
    sum = rounded<P>(sum + rounded<P>(sumInOrder({contribution_.data() + begin, end - begin})));
  };
  if (narrow == Extent::Batch)
    return add(to[0], 0, extent);
  const std::span<const size_t> offsets = offsetsOf(wide);
  for (size_t pair = 0; pair < pairs_; ++pair)
    add(to[pair], offsets[pair], offsets[pair + 1]);
}

template <Precision P> void Interpreter::backward() {
  std::fill(memory_.begin() + ptrdiff_t(adjointsBegin_), memory_.end(), 0.0);
  if (!hasAdjoint_[program_.loss])
    return;
  const bool perPair = program_[program_.loss].type.extent == Extent::Pair;
  const double seed = perPair ? rounded<P>(1 / double(pairs_)) : 1;
  std::fill_n(adjoint_[program_.loss].data, sizeOf(program_.loss), seed);

  for (NodeId id : backwardOrder_) {
    const Node &node = program_[id];
    const Row y = value_[id];
    const unsigned arity = opArity(node.op);
    const Row a = arity > 0 ? operand(node, 0) : Row{};
    const Row b = arity > 1 ? operand(node, 1) : Row{};
    // slope(pair) is the local derivative; it and its product with the adjoint are rounded.
    const auto pullSlope = [&](unsigned operand, auto slope) {
      pull<P>(id, operand,
              [&](double g, size_t i) { return rounded<P>(g * rounded<P>(slope(i))); });
    };
    // What a reduction or a sort passes to number i of its first operand; 0 passes 0.
    const auto give = [&](size_t i, double passed) {
      double &to = adjoint_[node.operands[0]].data[i];
      to = passed == 0 ? to : rounded<P>(to + passed);
    };
    switch (node.op) {
    case Op::Neg:
      pull<P>(id, 0, [](double g, size_t) { return -g; });
      break;
    case Op::Exp:
      pullSlope(0, [&](size_t i) { return y[i]; });
      break;
    case Op::Log:
      pull<P>(id, 0, [&](double g, size_t i) { return rounded<P>(g / a[i]); });
      break;
    case Op::Log1p:
      pull<P>(id, 0, [&](double g, size_t i) { return rounded<P>(g / rounded<P>(1 + a[i])); });
      break;
    case Op::Expm1:
      pullSlope(0, [&](size_t i) { return std::exp(a[i]); });
      break;
    case Op::Sqrt: // 1 / (2 sqrt(x)); 0 at 0
      pull<P>(id, 0,
              [&](double g, size_t i) { return y[i] == 0 ? 0 : rounded<P>(g / (2 * y[i])); });
      break;
    case Op::Abs: // 0 at 0
      pull<P>(id, 0, [&](double g, size_t i) { return g * sign(a[i]); });
      break;
    case Op::Tanh:
      pullSlope(0, [&](size_t i) { return tanhSlope(a[i]); });
      break;
    case Op::Sigmoid:
      pullSlope(0, [&](size_t i) { return sigmoidSlope(a[i]); });
      break;
    case Op::Softplus:
      pullSlope(0, [&](size_t i) { return sigmoid(a[i]); });
      break;
    case Op::Add:
      pull<P>(id, 0, [](double g, size_t) { return g; });
      pull<P>(id, 1, [](double g, size_t) { return g; });
      break;
    case Op::Sub:
      pull<P>(id, 0, [](double g, size_t) { return g; });
      pull<P>(id, 1, [](double g, size_t) { return -g; });
      break;
    case Op::Mul:
      pullSlope(0, [&](size_t i) { return b[i]; });
      pullSlope(1, [&](size_t i) { return a[i]; });
      break;
    case Op::Div: // y = a / b: dy/da = 1 / b, dy/db = -y / b
      pull<P>(id, 0, [&](double g, size_t i) { return rounded<P>(g / b[i]); });
      pull<P>(id, 1, [&](double g, size_t i) { return rounded<P>(-rounded<P>(g * y[i]) / b[i]); });
      break;
    case Op::Pow: // the exponent has no gradient
      pullSlope(0, [&](size_t i) { return powSlope(a[i], b[i]); });
      break;
    case Op::Min: // halves at a tie
      pull<P>(id, 0, [&](double g, size_t i) {
        return a[i] == b[i] ? g / 2 : a[i] > b[i] ? 0 : g;
      });
      pull<P>(id, 1, [&](double g, size_t i) {
        return a[i] == b[i] ? g / 2 : b[i] > a[i] ? 0 : g;
      });
      break;
    case Op::Max:
      pull<P>(id, 0, [&](double g, size_t i) {
        return a[i] == b[i] ? g / 2 : a[i] < b[i] ? 0 : g;
      });
      pull<P>(id, 1, [&](double g, size_t i) {
        return a[i] == b[i] ? g / 2 : b[i] < a[i] ? 0 : g;
      });
      break;
    case Op::Select: // what is not selected gets exactly 0
      pull<P>(id, 1, [&](double g, size_t i) { return a[i] != 0 ? g : 0; });
      pull<P>(id, 2, [&](double g, size_t i) { return a[i] != 0 ? 0 : g; });
      break;
    case Op::BatchSum:
      for (size_t i = 0; i < pairs_; ++i)
        give(i, adjoint_[id][0]);
      break;
    case Op::BatchMax: { // shared by all that are largest; a NaN is
      const auto isLargest = [&](double x) { return x == y[0] || (x != x && y[0] != y[0]); };
      const double share =
          rounded<P>(adjoint_[id][0] / double(std::count_if(a.data, a.data + pairs_, isLargest)));
      for (size_t i = 0; i < pairs_; ++i)
        if (isLargest(a[i]))
          give(i, share);
      break;
    }
    case Op::BatchSort: {
      const std::vector<uint32_t> order = rankOrder({a.data, pairs_});
      for (size_t rank = 0; rank < pairs_; ++rank)
        give(order[rank], adjoint_[id][rank]);
      break;
    }
    case Op::BatchQuantile:
      if (const std::optional<QuantilePlace> place = quantilePlace(pairs_, b[0])) {
        const std::vector<uint32_t> order = rankOrder({a.data, pairs_});
        const double g = adjoint_[id][0];
        give(order[place->lower], rounded<P>(g * (1 - place->weight)));
        give(order[place->upper], rounded<P>(g * place->weight));
      }
      break;
    case Op::TokenSum: {
      const std::span<const size_t> offsets = offsetsOf(program_[node.operands[0]].type.extent);
      for (size_t pair = 0; pair < pairs_; ++pair)
        for (size_t token = offsets[pair]; token < offsets[pair + 1]; ++token)
          give(token, adjoint_[id][pair]);
      break;
    }
    case Op::Sign: // constant between its jumps
    case Op::Detach:
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
      break;
    }
  }
}

template void Interpreter::backward<Precision::Double>();
template void Interpreter::backward<Precision::Float32>();

} // namespace disco::dsl
