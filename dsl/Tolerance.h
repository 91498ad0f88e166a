// How closely float32 evaluation must follow the double interpreter: every number of SPEC's N
// rules, once. The analysis that uses them is ErrorBounds.cpp.
#pragma once

#include <cfloat>
#include <cmath>
#include <limits>

namespace disco::dsl::tolerance {

/// SPEC N2: relative error of one rounding to float32, half a unit in the last place.
constexpr double unit = 0x1p-24;

/// SPEC N2: roundings charged for an elementary function (exp, log, tanh, ...): 4 ULP, as kernels
/// use polynomials. Where the exact value at an exact argument is 0, the function must give 0.
constexpr double elementary = 8;

/// SPEC N2: absolute error of any product, quotient or elementary function, whose result may be
/// flushed below this.
constexpr double underflow = FLT_MIN;

/// SPEC N2: a larger value may overflow in float32; nothing is then said about it.
constexpr double largest = FLT_MAX;

/// SPEC N3: a branch is uncertain when the compared values are nearer to each other than this many
/// bounds.
constexpr double kink = 4;

/// SPEC N4: relative error of one addition in double, in which sums over pairs are taken.
constexpr double doubleUnit = 0x1p-53;

/// SPEC N1: how much of the bound a float64 kernel may use. Double's share of float32's unit would
/// be 2^-29; the interpreter has errors of its own there.
constexpr double float64Share = 0x1p-24;

/// SPEC N1: whether a float32 result agrees with the double one. With an infinite bound anything
/// does; otherwise a result that is not finite must be the same.
inline bool agrees(double actual, double expected, double bound) {
  if (bound == std::numeric_limits<double>::infinity())
    return true;
  if (std::isnan(expected))
    return std::isnan(actual);
  if (std::isinf(expected))
    return actual == expected;
  return std::fabs(actual - expected) <= bound;
}

} // namespace disco::dsl::tolerance
