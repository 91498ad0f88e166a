// Running error analysis of a program (SPEC N2, N3): beside the double value of every node, a bound
// on how far a float32 evaluation may be from it, forwards through the values and backwards through
// the adjoints. The rules are first order with the second-order terms kept where they are cheap.
// The numbers charged stand in Tolerance.h.
#include "dsl/Interpreter.h"
#include "dsl/Tolerance.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>

namespace disco::dsl {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A double value and how far its float32 counterpart may be from it. For a bool, an error of 1
/// says "either".
struct Estimate {
  double value = 0;
  double error = 0;
};

/// Closes a rule. A NaN bound means inf * 0 on the way: anything may happen. A value that may
/// overflow float32 has no bound; one that is not finite for exact operands must come out the same.
Estimate closed(double value, double error) {
  if (!std::isfinite(value))
    return {value, error == 0 ? 0 : kInfinity};
  if (!(std::fabs(value) + error <= tolerance::largest))
    return {value, kInfinity};
  return {value, error};
}

/// A correctly rounded operation: exact where the operands are and float32 holds the result.
Estimate roundedOnce(double value, double propagated) {
  if (propagated == 0 && (!std::isfinite(value) || double(float(value)) == value))
    return closed(value, 0);
  return closed(value, propagated + tolerance::unit * (std::fabs(value) + propagated) +
                           tolerance::underflow);
}

/// An elementary function; `roundings` where it loses more than the usual number.
Estimate elementary(double value, double propagated, double roundings = tolerance::elementary) {
  if (propagated == 0 && (value == 0 || !std::isfinite(value)))
    return closed(value, 0);
  return closed(value, propagated + roundings * tolerance::unit * (std::fabs(value) + propagated) +
                           tolerance::underflow);
}

/// How far f may move when its argument, which must stay positive, moves by `error`: for log and
/// its like.
double logarithmic(double positive, double error) {
  if (error == 0)
    return 0;
  return error < positive ? -std::log1p(-error / positive) : kInfinity;
}

/// |1/(a +- ea) - 1/a| times |a|, the relative error of a reciprocal.
double relativeOfReciprocal(const Estimate &a) {
  if (a.error == 0)
    return 0;
  return a.error < std::fabs(a.value) ? a.error / (std::fabs(a.value) - a.error) : kInfinity;
}

double sigmoidOf(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}

/// The largest slope of sigmoid within `error` of x: the slope falls away from 0.
double steepestSigmoid(const Estimate &x) {
  double e = std::exp(-std::max(std::fabs(x.value) - x.error, 0.0));
  return e / ((1 + e) * (1 + e));
}
double steepestTanh(const Estimate &x) {
  return 4 * steepestSigmoid({2 * x.value, 2 * x.error}); // tanh(x) = 2 sigmoid(2x) - 1
}

/// x^p; exact operands, a positive base, or (by monotony) an exponent of at least 1.
Estimate power(double value, const Estimate &x, const Estimate &p) {
  const double logBase = x.value == 0 ? 0 : std::log(std::fabs(x.value));
  const double roundings = tolerance::elementary * (1 + std::fabs(p.value * logBase));
  if (x.error == 0 && p.error == 0)
    return elementary(value, 0, roundings);
  const double magnitude = std::fabs(x.value);
  if (x.error < magnitude) {
    double relative = std::fabs(p.value) * logarithmic(magnitude, x.error) +
                      (std::fabs(logBase) + logarithmic(magnitude, x.error)) * p.error;
    return elementary(value, std::fabs(value) * std::expm1(relative), roundings);
  }
  if (p.error == 0 && p.value >= 1)
    return elementary(value, std::fabs(value) + std::pow(magnitude + x.error, p.value), roundings);
  return closed(value, kInfinity);
}

/// Whether float32 may order a and b otherwise. Two exact values never are.
bool uncertain(const Estimate &a, const Estimate &b) {
  const double error = a.error + b.error;
  return error != 0 && !(std::fabs(a.value - b.value) > tolerance::kink * error);
}

/// A sum over pairs, taken in double: the sum of the values, of their magnitudes and of their
/// errors.
class Sum {
public:
  void add(const Estimate &term) {
    value_ += term.value;
    magnitude_ += std::fabs(term.value);
    error_ += term.error;
    ++terms_;
  }
  /// The sum or mean (SPEC N4), rounded once.
  Estimate dividedBy(double count) const {
    const double inDouble = (terms_ - 1) * tolerance::doubleUnit * (magnitude_ + error_);
    return roundedOnce(value_ / count, (error_ + inDouble) / count);
  }

private:
  double value_ = 0, magnitude_ = 0, error_ = 0, terms_ = 0;
};

} // namespace

class ErrorAnalysis {
public:
  explicit ErrorAnalysis(const Interpreter &of)
      : of_(of), program_(of.program_), begin_(of.memory_.data()), errors_(of.memory_.size()),
        magnitudes_(of.memory_.size()), near_(of.pairs_) {
    for (NodeId id : of_.lossOrder_)
      for (size_t i = 0; i < of_.sizeOf(id); ++i)
        store(of_.value_[id], i, valueError(id, i));
  }

  void backward();
  void report(Evaluation &evaluation, ErrorBounds &bounds) const;

private:
  using Row = Interpreter::Row;

  size_t slot(const Row &row, size_t i) const { return size_t(&row[i] - begin_); }
  Estimate at(const Row &row, size_t i) const { return {row[i], errors_[slot(row, i)]}; }
  Estimate value(NodeId id, size_t i) const { return at(of_.value_[id], i); }
  void store(const Row &row, size_t i, double error) { errors_[slot(row, i)] = error; }

  double valueError(NodeId id, size_t i);
  Estimate meanLoss() const;
  bool branches(NodeId id, size_t i, bool uncertain);
  Estimate contribution(NodeId id, unsigned operand, size_t i) const;
  void accumulate(const Row &to, size_t i, const Estimate &passed);

  const Interpreter &of_;
  const Program &program_;
  const double *begin_;
  std::vector<double> errors_;     // of every number in the interpreter's memory
  std::vector<double> magnitudes_; // of adjoints: what has been added up so far, each term positive
  std::vector<bool> near_;
};

/// Notes that a branch of node `id` is uncertain: at one pair, or at all where a batch value
/// decides.
bool ErrorAnalysis::branches(NodeId id, size_t i, bool uncertain) {
  if (uncertain && program_[id].type.extent == Extent::Pair)
    near_[i] = true;
  else if (uncertain)
    near_.assign(near_.size(), true);
  return uncertain;
}

double ErrorAnalysis::valueError(NodeId id, size_t i) {
  const Node &node = program_[id];
  const double y = of_.value_[id][i];
  const unsigned arity = opArity(node.op);
  const Estimate a = arity > 0 ? value(node.operands[0], i) : Estimate{};
  const Estimate b = arity > 1 ? value(node.operands[1], i) : Estimate{};
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
    return branches(id, i, uncertain(a, {})) ? 2 : 0;
  case Op::Exp:
    return elementary(y, y * std::expm1(a.error)).error;
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
    return elementary(y, steepestSigmoid(a) * a.error).error;
  case Op::Softplus:
    return elementary(y, sigmoidOf(a.value + a.error) * a.error).error;
  case Op::Add:
  case Op::Sub:
    return roundedOnce(y, a.error + b.error).error;
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
    const Estimate c = value(node.operands[2], i);
    if (a.error == 0)
      return a.value != 0 ? b.error : c.error;
    return closed(y, std::fabs(b.value - c.value) + std::max(b.error, c.error)).error;
  }
  case Op::BatchMax:
  case Op::BatchQuantile:
  case Op::BatchSort:
  case Op::TokenSum:
    return kInfinity;
  case Op::BatchSum: {
    Sum sum;
    for (size_t pair = 0; pair < of_.pairs_; ++pair)
      sum.add(value(node.operands[0], pair));
    return sum.dividedBy(1).error;
  }
  }
  return kInfinity;
}

namespace {

/// What the chain rule passes on: an adjoint times a local slope. Exactly 0 passes exactly 0 (SPEC
/// N5).
Estimate times(const Estimate &adjoint, const Estimate &slope) {
  if (adjoint.value == 0 && adjoint.error == 0)
    return {};
  return roundedOnce(adjoint.value * slope.value, std::fabs(adjoint.value) * slope.error +
                                                      std::fabs(slope.value) * adjoint.error +
                                                      adjoint.error * slope.error);
}

/// An adjoint that reaches an operand wholly, partly or not at all; `share` in [0, 1] of it in
/// double, any when uncertain.
Estimate shared(const Estimate &adjoint, double share, bool uncertain) {
  if (uncertain)
    return {share == 0 ? 0 : adjoint.value * share, std::fabs(adjoint.value) + adjoint.error};
  return share == 0 ? Estimate{} : Estimate{adjoint.value * share, adjoint.error * share};
}

/// The slope of sigmoid as s (1 - s), whose second factor is known to a rounding of 1.
Estimate sigmoidSlope(const Estimate &x) {
  const double s = sigmoidOf(x.value);
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

/// What node `id` passes at pair `i` (of its own extent) to one of its operands.
Estimate ErrorAnalysis::contribution(NodeId id, unsigned operand, size_t i) const {
  const Node &node = program_[id];
  const Estimate g = at(of_.adjoint_[id], i);
  const Estimate y = value(id, i);
  const Estimate a = value(node.operands[0], i);
  const Estimate b = opArity(node.op) > 1 ? value(node.operands[1], i) : Estimate{};
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
    if (uncertain(a, {}))
      return {passed.value, 2 * std::fabs(g.value) + g.error};
    return a.value == 0 ? Estimate{} : passed;
  }
  case Op::Tanh:
    return times(g, tanhSlope(a));
  case Op::Sigmoid:
    return times(g, sigmoidSlope(a));
  case Op::Softplus: {
    const double slope = sigmoidOf(a.value);
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
      const size_t targetExtent = of_.sizeOf(target);
      if (program_[id].type.extent == program_[target].type.extent || node.op == Op::BatchSum) {
        for (size_t i = 0; i < targetExtent; ++i)
          accumulate(to, i, contribution(id, operand, i));
        continue;
      }
      Sum sum;
      for (size_t i = 0; i < of_.pairs_; ++i)
        sum.add(contribution(id, operand, i));
      accumulate(to, 0, sum.dividedBy(1));
    }
  }
}

Estimate ErrorAnalysis::meanLoss() const {
  const NodeId loss = program_.loss;
  if (program_[loss].type.extent == Extent::Batch)
    return value(loss, 0);
  Sum sum;
  for (size_t i = 0; i < of_.pairs_; ++i)
    sum.add(value(loss, i));
  return sum.dividedBy(double(of_.pairs_));
}

void ErrorAnalysis::report(Evaluation &evaluation, ErrorBounds &bounds) const {
  bounds.loss = of_.pairs_ == 0 ? 0 : meanLoss().error;
  bounds.losses.resize(of_.pairs_);
  for (size_t i = 0; i < of_.pairs_; ++i)
    bounds.losses[i] = value(program_.loss, i).error;
  for (size_t input = 0; input < kInputCount; ++input)
    bounds.gradients[input].assign(evaluation.gradients[input].size(), 0.0);
  for (NodeId id : of_.backwardOrder_)
    if (program_[id].op == Op::Input)
      for (size_t i = 0; i < of_.pairs_; ++i)
        bounds.gradients[program_[id].index][i] = at(of_.adjoint_[id], i).error;
  bounds.nearKink = near_;
}

void Interpreter::evaluateWithBounds(const Batch &batch, std::span<const double> parameters,
                                     Evaluation &out, ErrorBounds &bounds) {
  evaluate(batch, parameters, out);
  ErrorAnalysis analysis(*this);
  analysis.backward();
  analysis.report(out, bounds);
}

} // namespace disco::dsl
