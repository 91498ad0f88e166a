// The value of a program, one node after another over the whole batch: what each operation means.
// SPEC lists the same under the mnemonics.
#include "dsl/Interpreter.h"

#include "dsl/InterpreterMath.h"
#include "dsl/Summation.h"

#include <cassert>

namespace disco::dsl {

namespace {

double quantile(std::span<const double> values, double q) {
  std::vector<double> ascending;
  for (uint32_t i : rankOrder(values))
    ascending.push_back(values[i]);
  return interpolated(ascending, q);
}

} // namespace

/// Batch inputs and token positions follow from the batch; the others are its columns.
template <Precision P> void Interpreter::readInput(NodeId id, const Batch &batch) {
  const Row y = value_[id];
  const Input input = Input(program_[id].index);
  if (input == Input::batch_size) {
    y[0] = rounded<P>(double(pairs_));
  } else if (input == Input::progress) {
    y[0] = rounded<P>(batch.progress);
  } else if (input == Input::chosen_token_index || input == Input::rejected_token_index) {
    const std::span<const size_t> offsets = offsetsOf(program_[id].type.extent);
    for (size_t pair = 0; pair < pairs_; ++pair)
      for (size_t token = offsets[pair]; token < offsets[pair + 1]; ++token)
        y[token] = rounded<P>(double(token - offsets[pair]));
  } else {
    const std::span<const double> column = batch.columns[size_t(input)];
    assert(column.size() >= sizeOf(id) && "an input that the program reads has no column");
    for (size_t i = 0; i < sizeOf(id); ++i)
      y[i] = rounded<P>(column[i]);
  }
}

template <Precision P>
void Interpreter::forward(std::span<const NodeId> order, const Batch &batch,
                          std::span<const double> parameters) {
  for (NodeId id : order) {
    const Node &node = program_[id];
    const Row y = value_[id];
    const size_t extent = sizeOf(id);
    const unsigned arity = opArity(node.op);
    const Row a = arity > 0 ? operand(node, 0) : Row{};
    const Row b = arity > 1 ? operand(node, 1) : Row{};
    const Row c = arity > 2 ? operand(node, 2) : Row{};
    const auto each = [&](auto function) {
      for (size_t i = 0; i < extent; ++i)
        y.data[i] = rounded<P>(function(i));
    };
    switch (node.op) {
    case Op::Constant:
      y[0] = rounded<P>(node.constant);
      break;
    case Op::Parameter:
      y[0] = rounded<P>(parameters[node.index]);
      break;
    case Op::Input:
      readInput<P>(id, batch);
      break;
    case Op::Column: {
      const std::span<const double> column =
          batch.dataColumns.empty() ? std::span<const double>{} : batch.dataColumns[node.index];
      const std::optional<double> absent = program_.columns[node.index].defaultValue;
      assert((column.size() >= extent || absent) && "a column without a default is missing");
      each([&](size_t i) { return column.empty() ? *absent : column[i]; });
      break;
    }
    case Op::State:
      y[0] = rounded<P>(batch.states[node.index]);
      break;
    case Op::Neg:
      each([&](size_t i) { return -a[i]; });
      break;
    case Op::Exp:
      each([&](size_t i) { return std::exp(a[i]); });
      break;
    case Op::Log:
      each([&](size_t i) { return std::log(a[i]); });
      break;
    case Op::Log1p:
      each([&](size_t i) { return std::log1p(a[i]); });
      break;
    case Op::Expm1:
      each([&](size_t i) { return std::expm1(a[i]); });
      break;
    case Op::Sqrt:
      each([&](size_t i) { return std::sqrt(a[i]); });
      break;
    case Op::Abs:
      each([&](size_t i) { return std::fabs(a[i]); });
      break;
    case Op::Sign:
      each([&](size_t i) { return sign(a[i]); });
      break;
    case Op::Tanh:
      each([&](size_t i) { return std::tanh(a[i]); });
      break;
    case Op::Sigmoid:
      each([&](size_t i) { return sigmoid(a[i]); });
      break;
    case Op::Softplus:
      each([&](size_t i) { return softplus(a[i]); });
      break;
    case Op::Detach:
      each([&](size_t i) { return a[i]; });
      break;
    case Op::Add:
      each([&](size_t i) { return a[i] + b[i]; });
      break;
    case Op::Sub:
      each([&](size_t i) { return a[i] - b[i]; });
      break;
    case Op::Mul:
      each([&](size_t i) { return a[i] * b[i]; });
      break;
    case Op::Div:
      each([&](size_t i) { return a[i] / b[i]; });
      break;
    case Op::Pow:
      each([&](size_t i) { return std::pow(a[i], b[i]); });
      break;
    case Op::Min:
      each([&](size_t i) { return minimum(a[i], b[i]); });
      break;
    case Op::Max:
      each([&](size_t i) { return maximum(a[i], b[i]); });
      break;
    case Op::Lt:
      each([&](size_t i) { return a[i] < b[i]; });
      break;
    case Op::Le:
      each([&](size_t i) { return a[i] <= b[i]; });
      break;
    case Op::Eq:
      each([&](size_t i) { return a[i] == b[i]; });
      break;
    case Op::Ne:
      each([&](size_t i) { return a[i] != b[i]; });
      break;
    case Op::And:
      each([&](size_t i) { return a[i] != 0 && b[i] != 0; });
      break;
    case Op::Or:
      each([&](size_t i) { return a[i] != 0 || b[i] != 0; });
      break;
    case Op::Not:
      each([&](size_t i) { return a[i] == 0; });
      break;
    case Op::Select:
      each([&](size_t i) { return a[i] != 0 ? b[i] : c[i]; });
      break;
    case Op::BatchSum:
      y[0] = rounded<P>(sumInOrder({a.data, pairs_}));
      break;
    case Op::BatchMax:
      y[0] = largest({a.data, pairs_});
      break;
    case Op::BatchSort: {
      const std::vector<uint32_t> order = rankOrder({a.data, pairs_});
      each([&](size_t rank) { return a[order[rank]]; });
      break;
    }
    case Op::BatchQuantile:
      y[0] = rounded<P>(quantile({a.data, pairs_}, b[0]));
      break;
    case Op::TokenSum: {
      const std::span<const size_t> offsets = offsetsOf(program_[node.operands[0]].type.extent);
      each([&](size_t pair) {
        return sumInOrder({a.data + offsets[pair], offsets[pair + 1] - offsets[pair]});
      });
      break;
    }
    }
  }
}

template void Interpreter::forward<Precision::Double>(std::span<const NodeId>, const Batch &,
                                                      std::span<const double>);
template void Interpreter::forward<Precision::Float32>(std::span<const NodeId>, const Batch &,
                                                       std::span<const double>);

} // namespace disco::dsl
