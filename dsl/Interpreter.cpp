// Value and reverse-mode gradient of a program, one node after another over the whole batch. What
// an operation means and what its derivative is stands in two switches, forward() and backward();
// SPEC lists the same under the mnemonics.
#include "dsl/Interpreter.h"

#include "dsl/Summation.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace disco::dsl {

namespace {

/// The result of one operation in the given precision. Rounding a double result of + - * / sqrt to
/// float32 gives what the float32 operation gives: 53 >= 2 * 24 + 2 bits make the double rounding
/// harmless.
template <Precision P> double rounded(double x) {
  if constexpr (P == Precision::Float32)
    return double(float(x));
  else
    return x;
}

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double sigmoid(double x) {
  if (x >= 0)
    return 1 / (1 + std::exp(-x));
  double e = std::exp(x);
  return e / (1 + e);
}

double softplus(double x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::fabs(x))); }

double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; } // of 0 and NaN: itself

double minimum(double a, double b) { return a != a ? a : b != b ? b : std::min(a, b); }
double maximum(double a, double b) { return a != a ? a : b != b ? b : std::max(a, b); }

// d/dx sigmoid(x) = sigmoid(x) sigmoid(-x), which keeps its digits where 1 - sigmoid(x) has none.
double sigmoidSlope(double x) {
  double e = std::exp(-std::fabs(x));
  return e / ((1 + e) * (1 + e));
}

// d/dx tanh(x) = 1 - tanh(x)^2 = 4 e^-2|x| / (1 + e^-2|x|)^2, likewise.
double tanhSlope(double x) {
  double e = std::exp(-2 * std::fabs(x));
  return 4 * e / ((1 + e) * (1 + e));
}

// d/dx x^p = p x^(p-1); 0 at base 0 with p < 1 and for p = 0.
double powSlope(double x, double p) {
  if (p == 0 || (x == 0 && p < 1))
    return 0;
  return p * std::pow(x, p - 1);
}

} // namespace

Interpreter::Interpreter(const Program &program) : program_(program) {
  const size_t count = program.nodes.size();
  constexpr uint8_t kLoss = 1, kReport = 2;
  std::vector<uint8_t> readBy(count, 0);
  hasAdjoint_.assign(count, 0);
  readBy[program.loss] |= kLoss;
  hasAdjoint_[program.loss] = program[program.loss].hasGradient;
  readBy[program.chosenReward] |= kReport;
  readBy[program.rejectedReward] |= kReport;
  for (const Metric &metric : program.metrics)
    readBy[metric.value] |= kReport;
  for (NodeId id = NodeId(count); id-- > 0;) { // operands precede users
    const Node &node = program[id];
    for (unsigned i = 0; i < opArity(node.op); ++i) {
      NodeId operand = node.operands[i];
      readBy[operand] |= readBy[id];
      hasAdjoint_[operand] |=
          uint8_t(hasAdjoint_[id] && program[operand].hasGradient && node.op != Op::Detach);
    }
    if (hasAdjoint_[id])
      backwardOrder_.push_back(id);
  }
  for (NodeId id = 0; id < count; ++id) {
    if (readBy[id] & kLoss)
      lossOrder_.push_back(id);
    else if (readBy[id] & kReport)
      reportOrder_.push_back(id);
  }
}

void Interpreter::layOut(size_t pairs) {
  if (pairs == pairs_ && !value_.empty())
    return;
  pairs_ = pairs;
  const size_t count = program_.nodes.size();
  size_t values = 0, adjoints = 0;
  for (NodeId id = 0; id < count; ++id) {
    values += extentOf(id);
    adjoints += hasAdjoint_[id] ? extentOf(id) : 0;
  }
  memory_.resize(values + adjoints);
  contribution_.resize(pairs);
  value_.resize(count);
  adjoint_.resize(count);
  adjointsBegin_ = values;
  double *nextValue = memory_.data(), *nextAdjoint = nextValue + values;
  for (NodeId id = 0; id < count; ++id) {
    const size_t stride = program_[id].type.extent == Extent::Pair ? 1 : 0;
    value_[id] = {nextValue, stride};
    nextValue += extentOf(id);
    if (hasAdjoint_[id]) {
      adjoint_[id] = {nextAdjoint, stride};
      nextAdjoint += extentOf(id);
    }
  }
}

template <Precision P>
void Interpreter::forward(std::span<const NodeId> order, const Batch &batch,
                          std::span<const double> parameters) {
  for (NodeId id : order) {
    const Node &node = program_[id];
    const Row y = value_[id];
    const size_t extent = extentOf(id);
    const unsigned arity = opArity(node.op);
    const Row a = arity > 0 ? value_[node.operands[0]] : Row{};
    const Row b = arity > 1 ? value_[node.operands[1]] : Row{};
    const Row c = arity > 2 ? value_[node.operands[2]] : Row{};
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
    case Op::Input: {
      if (Input(node.index) == Input::batch_size || Input(node.index) == Input::progress) {
        y[0] = rounded<P>(Input(node.index) == Input::progress ? batch.progress : double(pairs_));
        break;
      }
      std::span<const double> column = batch.columns[node.index];
      assert(column.size() >= pairs_ && "an input that the program reads has no column");
      each([&](size_t i) { return column[i]; });
      break;
    }
    case Op::Column: {
      const std::span<const double> column = batch.dataColumns[node.index];
      const double absent = program_.columns[node.index].defaultValue.value_or(kNaN);
      each([&](size_t i) { return column.empty() ? absent : column[i]; });
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
    case Op::BatchQuantile:
    case Op::BatchSort:
    case Op::TokenSum:
      assert(false && "the checker lets no such program through yet");
      break;
    }
  }
}

/// Adds what node `id` passes to one operand: contribution(adjoint of the node, pair). An adjoint
/// of exactly 0 passes exactly 0, whatever the local derivative (SPEC N5). What a pair node passes
/// to a batch operand is summed over pairs.
template <Precision P, typename Contribution>
void Interpreter::pull(NodeId id, unsigned operand, Contribution contribution) {
  const NodeId target = program_[id].operands[operand];
  if (!hasAdjoint_[target])
    return;
  const Row from = adjoint_[id], to = adjoint_[target];
  const size_t extent = extentOf(id);
  const auto passed = [&](size_t i) {
    double adjoint = from.data[i];
    return adjoint == 0 ? 0.0 : contribution(adjoint, i);
  };
  if (extentOf(target) == extent) {
    for (size_t i = 0; i < extent; ++i)
      to.data[i] = rounded<P>(to.data[i] + passed(i));
    return;
  }
  for (size_t i = 0; i < extent; ++i)
    contribution_[i] = passed(i);
  to[0] = rounded<P>(to[0] + rounded<P>(sumInOrder({contribution_.data(), extent})));
}

template <Precision P> void Interpreter::backward() {
  std::fill(memory_.begin() + ptrdiff_t(adjointsBegin_), memory_.end(), 0.0);
  if (!hasAdjoint_[program_.loss])
    return;
  const bool perPair = program_[program_.loss].type.extent == Extent::Pair;
  const double seed = perPair ? rounded<P>(1 / double(pairs_)) : 1;
  std::fill_n(adjoint_[program_.loss].data, extentOf(program_.loss), seed);

  for (NodeId id : backwardOrder_) {
    const Node &node = program_[id];
    const Row y = value_[id];
    const unsigned arity = opArity(node.op);
    const Row a = arity > 0 ? value_[node.operands[0]] : Row{};
    const Row b = arity > 1 ? value_[node.operands[1]] : Row{};
    // slope(pair) is the local derivative; it and its product with the adjoint are rounded.
    const auto pullSlope = [&](unsigned operand, auto slope) {
      pull<P>(id, operand,
              [&](double g, size_t i) { return rounded<P>(g * rounded<P>(slope(i))); });
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
    case Op::BatchSum: {
      const double g = adjoint_[id][0];
      const Row to = adjoint_[node.operands[0]];
      for (size_t i = 0; g != 0 && i < pairs_; ++i)
        to.data[i] = rounded<P>(to.data[i] + g);
      break;
    }
    case Op::BatchMax:
    case Op::BatchQuantile:
    case Op::BatchSort:
    case Op::TokenSum:
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

template <Precision P> double Interpreter::meanOf(NodeId id) const {
  if (pairs_ == 0)
    return kNaN;
  if (program_[id].type.extent == Extent::Batch)
    return value_[id][0];
  return rounded<P>(sumInOrder({value_[id].data, pairs_}) / double(pairs_));
}

template <Precision P>
void Interpreter::evaluateIn(const Batch &batch, std::span<const double> parameters,
                             Evaluation &out, Wanted wanted) {
  layOut(batch.pairs);
  forward<P>(lossOrder_, batch, parameters);
  out.loss = meanOf<P>(program_.loss);

  if (wanted.gradients) {
    backward<P>();
    for (size_t i = 0; i < kInputCount; ++i)
      out.gradients[i].assign(
          inputHasGradient(Input(i)) && !isToken(inputExtent(Input(i))) ? pairs_ : 0, 0.0);
    for (NodeId id : backwardOrder_)
      if (program_[id].op == Op::Input)
        std::copy_n(adjoint_[id].data, pairs_, out.gradients[program_[id].index].begin());
  }

  if (wanted.reports) {
    forward<P>(reportOrder_, batch, parameters);
    const auto spread = [&](NodeId id, std::vector<double> &to) {
      to.resize(pairs_);
      for (size_t i = 0; i < pairs_; ++i)
        to[i] = value_[id][i];
    };
    spread(program_.loss, out.losses);
    spread(program_.chosenReward, out.chosenRewards);
    spread(program_.rejectedReward, out.rejectedRewards);
    out.metrics.clear();
    for (const Metric &metric : program_.metrics)
      out.metrics.push_back(meanOf<P>(metric.value));
  }
}

void Interpreter::evaluate(const Batch &batch, std::span<const double> parameters, Evaluation &out,
                           Precision precision, Wanted wanted) {
  assert(parameters.size() == program_.parameters.size());
  if (precision == Precision::Float32)
    evaluateIn<Precision::Float32>(batch, parameters, out, wanted);
  else
    evaluateIn<Precision::Double>(batch, parameters, out, wanted);
}

} // namespace disco::dsl
