// Sets of numbers as closed intervals, with a flag for NaN beside them. Arithmetic rounds outward,
// so that a result holds both the real value and what a computation in double gives; `rounded` then
// adds the rounding of the precision that is analysed. Rules for whole operations are in Rules.h.
#pragma once

#include "dsl/Interpreter.h"

#include <cmath>
#include <limits>

namespace disco::dsl::facts {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Every number x with lo <= x <= hi, infinite ones where an end is infinite, and NaN if `nan`.
struct Interval {
  double lo = 0;
  double hi = 0;
  bool nan = false;

  static constexpr Interval point(double x) { return {x, x, false}; }
  /// Anything a double can be.
  static constexpr Interval all() { return {-kInfinity, kInfinity, true}; }

  bool contains(double x) const { return x != x ? nan : lo <= x && x <= hi; }
  bool contains(const Interval &other) const {
    return lo <= other.lo && other.hi <= hi && (nan || !other.nan);
  }
  bool isPoint() const { return lo == hi && !nan; }
  bool isFinite() const { return !nan && std::isfinite(lo) && std::isfinite(hi); }
  double middle() const { return lo + (hi - lo) / 2; }
  double width() const { return hi - lo; }
  double magnitude() const { return std::fmax(std::fabs(lo), std::fabs(hi)); }
  friend bool operator==(const Interval &, const Interval &) = default;
};

/// The next double towards -inf or +inf; 0 stays, since a sum or product that is 0 in double has
/// the sign of 0 (underflow is the caller's to add), and no number crosses 0.
inline double down(double x) { return x == 0 ? x : std::nextafter(x, -kInfinity); }
inline double up(double x) { return x == 0 ? x : std::nextafter(x, kInfinity); }

Interval hull(const Interval &a, const Interval &b);
/// What two enclosures of one value have in common.
Interval meet(const Interval &a, const Interval &b);
/// Widened by what an elementary function of the C library may be wrong by (under 4 units in the
/// last place of a double), but kept within the function's `range`. A result of 0 is exact, or what
/// is left of a number too small for double.
enum class Zero : uint8_t { Exact, Underflow };
Interval loosened(Interval x, const Interval &range, Zero zero = Zero::Underflow);

Interval operator-(const Interval &a);
Interval operator+(const Interval &a, const Interval &b);
Interval operator-(const Interval &a, const Interval &b);
Interval operator*(const Interval &a, const Interval &b);
Interval operator/(const Interval &a, const Interval &b);
Interval square(const Interval &a);

/// The result of rounding every member to the precision; the ends may overflow.
Interval rounded(const Interval &x, Precision precision);
/// The least positive number of the precision.
double leastPositive(Precision precision);
/// Largest relative error of one rounding.
double unitOf(Precision precision);

} // namespace disco::dsl::facts
