// The arithmetic of running error analysis (SPEC N2, N3): a number with a bound on how far float32
// may be from it, and how each kind of operation propagates and adds to it. The rules are first
// order with the second-order terms kept where they are cheap. The numbers charged stand in
// Tolerance.h.
#pragma once

#include "dsl/Tolerance.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace disco::dsl {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A double value and how far its float32 counterpart may be from it. For a bool, an error of 1
/// says "either".
struct Estimate {
  double value = 0;
  double error = 0;
};

/// Closes a rule. A NaN bound means inf * 0 on the way: anything may happen. A value that may
/// overflow float32 has no bound; one that is not finite for exact operands must come out the same.
inline Estimate closed(double value, double error) {
  if (!std::isfinite(value))
    return {value, error == 0 ? 0 : kInfinity};
  if (!(std::fabs(value) + error <= tolerance::largest))
    return {value, kInfinity};
  return {value, error};
}

/// A correctly rounded operation: exact where the operands are and float32 holds the result.
inline Estimate roundedOnce(double value, double propagated) {
  if (propagated == 0 && (!std::isfinite(value) || double(float(value)) == value))
    return closed(value, 0);
  return closed(value, propagated + tolerance::unit * (std::fabs(value) + propagated) +
                           tolerance::underflow);
}

/// An elementary function; `roundings` where it loses more than the usual number.
inline Estimate elementary(double value, double propagated,
                           double roundings = tolerance::elementary) {
  if (propagated == 0 && (value == 0 || !std::isfinite(value)))
    return closed(value, 0);
  return closed(value, propagated + roundings * tolerance::unit * (std::fabs(value) + propagated) +
                           tolerance::underflow);
}

/// A function that is positive and finite at every number x, such as exp. Where double has 0 or
/// infinity the value is lost, though a stabilised form of what follows may keep it (SPEC R6, R10).
inline Estimate positive(double value, const Estimate &x, double propagated) {
  const bool lost = (value == 0 || std::isinf(value)) && std::isfinite(x.value);
  return lost ? closed(value, propagated + tolerance::underflow) : elementary(value, propagated);
}

/// What double has lost of the sum a + b, which log(1 + x) in one function keeps (SPEC R8).
inline double lostOfSum(double a, double b) {
  const double sum = a + b, addend = sum - a;
  const double lost = (a - (sum - addend)) + (b - addend);
  return std::isfinite(lost) ? std::fabs(lost) : 0;
}

/// How far f may move when its argument, which must stay positive, moves by `error`: for log and
/// its like.
inline double logarithmic(double positive, double error) {
  if (error == 0)
    return 0;
  return error < positive ? -std::log1p(-error / positive) : kInfinity;
}

/// |1/(a +- ea) - 1/a| times |a|, the relative error of a reciprocal.
inline double relativeOfReciprocal(const Estimate &a) {
  if (a.error == 0)
    return 0;
  return a.error < std::fabs(a.value) ? a.error / (std::fabs(a.value) - a.error) : kInfinity;
}

/// The largest slope of sigmoid within `error` of x: the slope falls away from 0.
inline double steepestSigmoid(const Estimate &x) {
  double e = std::exp(-std::max(std::fabs(x.value) - x.error, 0.0));
  return e / ((1 + e) * (1 + e));
}
inline double steepestTanh(const Estimate &x) {
  return 4 * steepestSigmoid({2 * x.value, 2 * x.error}); // tanh(x) = 2 sigmoid(2x) - 1
}

/// x^p; exact operands, a positive base, or (by monotony) an exponent of at least 1.
inline Estimate power(double value, const Estimate &x, const Estimate &p) {
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
inline bool uncertain(const Estimate &a, const Estimate &b) {
  const double error = a.error + b.error;
  return error != 0 && !(std::fabs(a.value - b.value) > tolerance::kink * error);
}

/// What the chain rule passes on: an adjoint times a local slope. Exactly 0 passes exactly 0 (SPEC
/// N5).
inline Estimate times(const Estimate &adjoint, const Estimate &slope) {
  if (adjoint.value == 0 && adjoint.error == 0)
    return {};
  return roundedOnce(adjoint.value * slope.value, std::fabs(adjoint.value) * slope.error +
                                                      std::fabs(slope.value) * adjoint.error +
                                                      adjoint.error * slope.error);
}

/// An adjoint that reaches an operand wholly, partly or not at all; `share` in [0, 1] of it in
/// double, any when uncertain.
inline Estimate shared(const Estimate &adjoint, double share, bool uncertain) {
  if (uncertain)
    return {share == 0 ? 0 : adjoint.value * share, std::fabs(adjoint.value) + adjoint.error};
  return share == 0 ? Estimate{} : Estimate{adjoint.value * share, adjoint.error * share};
}

/// A sum over pairs or tokens, taken in double: the sum of the values, of their magnitudes and of
/// their errors.
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

} // namespace disco::dsl
