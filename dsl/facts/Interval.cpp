#include "dsl/facts/Interval.h"

#include <algorithm>

namespace disco::dsl::facts {

namespace {

/// One end of a product: 0 times infinity is 0 as a limit (the NaN is flagged elsewhere), and a
/// product that underflows keeps its sign.
struct Ends {
  double lo = kInfinity, hi = -kInfinity;
  void add(double x, double y, double product) {
    const bool underflows = product == 0 && x != 0 && y != 0;
    const double least = std::numeric_limits<double>::denorm_min();
    lo = std::min(lo, underflows ? (std::signbit(product) ? -least : 0.0) : down(product));
    hi = std::max(hi, underflows ? (std::signbit(product) ? 0.0 : least) : up(product));
  }
};

bool reachesZero(const Interval &a) { return a.lo <= 0 && a.hi >= 0; }
bool reachesInfinity(const Interval &a) { return std::isinf(a.lo) || std::isinf(a.hi); }

/// Not inlined: g++ 12 drops both conversions where it vectorises two of these side by side.
[[gnu::noinline]] double throughFloat32(double x) { return double(float(x)); }

} // namespace

Interval hull(const Interval &a, const Interval &b) {
  return {std::min(a.lo, b.lo), std::max(a.hi, b.hi), a.nan || b.nan};
}

Interval meet(const Interval &a, const Interval &b) {
  const Interval common{std::max(a.lo, b.lo), std::min(a.hi, b.hi), a.nan && b.nan};
  // Disjoint enclosures are of a value that is always NaN; either says so.
  return common.lo <= common.hi ? common : a;
}

Interval loosened(Interval x, const Interval &range, Zero zero) {
  constexpr double relative = 0x1p-50, least = std::numeric_limits<double>::denorm_min();
  const auto slack = [&](double end) {
    if (!std::isfinite(end) || (end == 0 && zero == Zero::Exact))
      return 0.0;
    return std::fabs(end) * relative + least;
  };
  x.lo -= slack(x.lo);
  x.hi += slack(x.hi);
  if (x.lo == kInfinity) // overflow of a finite value
    x.lo = std::numeric_limits<double>::max();
  if (x.hi == -kInfinity)
    x.hi = std::numeric_limits<double>::lowest();
  return {std::clamp(x.lo, range.lo, range.hi), std::clamp(x.hi, range.lo, range.hi), x.nan};
}

Interval operator-(const Interval &a) { return {-a.hi, -a.lo, a.nan}; }

Interval operator+(const Interval &a, const Interval &b) {
  const bool opposite =
      (a.lo == -kInfinity && b.hi == kInfinity) || (a.hi == kInfinity && b.lo == -kInfinity);
  const double lo = a.lo + b.lo, hi = a.hi + b.hi; // inf - inf: only one end, or flagged
  return {lo != lo ? -kInfinity : down(lo), hi != hi ? kInfinity : up(hi),
          a.nan || b.nan || opposite};
}

Interval operator-(const Interval &a, const Interval &b) { return a + -b; }

Interval operator*(const Interval &a, const Interval &b) {
  Ends ends;
  for (double x : {a.lo, a.hi})
    for (double y : {b.lo, b.hi})
      ends.add(x, y, x == 0 || y == 0 ? 0 : x * y);
  const bool zeroTimesInfinity =
      (reachesZero(a) && reachesInfinity(b)) || (reachesZero(b) && reachesInfinity(a));
  return {ends.lo, ends.hi, a.nan || b.nan || zeroTimesInfinity};
}

Interval operator/(const Interval &a, const Interval &b) {
  const bool undefined =
      (reachesZero(a) && reachesZero(b)) || (reachesInfinity(a) && reachesInfinity(b));
  if (reachesZero(b)) // either sign of zero may stand there
    return {-kInfinity, kInfinity, a.nan || b.nan || undefined};
  Ends ends;
  for (double x : {a.lo, a.hi})
    for (double y : {b.lo, b.hi})
      if (!(std::isinf(x) && std::isinf(y)))
        ends.add(x, y, x / y);
      else // inf / inf lies between 0 and inf for what approaches it
        for (double limit : {0.0, std::copysign(kInfinity, x) * std::copysign(1.0, y)})
          ends.add(0, 0, limit);
  return {ends.lo, ends.hi, a.nan || b.nan || undefined};
}

Interval square(const Interval &a) {
  const double least = reachesZero(a) ? 0 : std::min(std::fabs(a.lo), std::fabs(a.hi));
  const double most = a.magnitude();
  Interval product = Interval{least, most, a.nan} * Interval{least, most, a.nan};
  product.nan = a.nan;
  return product;
}

Interval rounded(const Interval &x, Precision precision) {
  if (precision == Precision::Double)
    return x;
  return {throughFloat32(x.lo), throughFloat32(x.hi), x.nan};
}

double leastPositive(Precision precision) {
  return precision == Precision::Double ? std::numeric_limits<double>::denorm_min()
                                        : double(std::numeric_limits<float>::denorm_min());
}

double unitOf(Precision precision) { return precision == Precision::Double ? 0x1p-53 : 0x1p-24; }

} // namespace disco::dsl::facts
