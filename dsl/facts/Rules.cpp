#include "dsl/facts/Rules.h"

#include <algorithm>
#include <iterator>

namespace disco::dsl::facts {

namespace {

struct Row {
  std::string_view name;
  unsigned arity;
  Form form;
};
constexpr Row kRows[] = {
#define DISCO_RULE(NAME, ARITY, FORM) {#NAME, ARITY, Form::FORM},
#include "dsl/facts/Rules.def"
};

constexpr Interval kReals{-kInfinity, kInfinity, false};
constexpr Interval kPositive{0, kInfinity, false};
constexpr Interval kZero{0, 0, false};
constexpr Interval kOne{1, 1, false};

bool reachesZero(const Interval &a) { return a.lo <= 0 && a.hi >= 0; }
bool isZero(const Interval &a) { return a.lo == 0 && a.hi == 0 && !a.nan; }
bool isWhole(double x) { return std::isfinite(x) && x == std::nearbyint(x); }

double sigmoid(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
double softplus(double x) { return std::fmax(x, 0) + std::log1p(std::exp(-std::fabs(x))); }
double sigmoidSlope(double x) {
  const double e = std::exp(-std::fabs(x));
  return e / ((1 + e) * (1 + e));
}
double tanhSlope(double x) { return 4 * sigmoidSlope(2 * x); }

/// Of an increasing function of the C library.
template <typename F>
Interval increasing(F f, const Interval &x, const Interval &range, Zero zero = Zero::Underflow) {
  return loosened({f(x.lo), f(x.hi), x.nan}, range, zero);
}
/// Of an even function that falls away from its peak at 0.
template <typename F> Interval bump(F f, const Interval &x, double peak) {
  const double a = f(x.lo), b = f(x.hi);
  const Interval ends{std::min(a, b), reachesZero(x) ? peak : std::max(a, b), x.nan};
  return loosened(ends, {0, peak, false});
}

/// Of log and log1p: -inf at `pole`, NaN below.
template <typename F> Interval logarithm(F f, const Interval &x, double pole) {
  const bool nan = x.nan || x.lo < pole;
  if (x.hi < pole)
    return Interval::all();
  return loosened({x.lo <= pole ? -kInfinity : f(x.lo), x.hi == pole ? -kInfinity : f(x.hi), nan},
                  kReals, Zero::Exact);
}

Interval squareRoot(const Interval &x) {
  if (x.hi < 0)
    return Interval::all();
  return {down(std::sqrt(std::max(x.lo, 0.0))), up(std::sqrt(x.hi)), x.nan || x.lo < 0};
}

Interval absolute(const Interval &x) {
  return {reachesZero(x) ? 0 : std::min(std::fabs(x.lo), std::fabs(x.hi)), x.magnitude(), x.nan};
}

Interval sign(const Interval &x) {
  return {x.lo > 0 ? 1.0 : x.lo == 0 ? 0.0 : -1.0, x.hi < 0 ? -1.0 : x.hi == 0 ? 0.0 : 1.0, x.nan};
}

/// x^p for x >= 0 rises or falls in each operand, so its extremes stand in corners.
Interval powOfPositive(const Interval &x, const Interval &p) {
  Interval result{kInfinity, -kInfinity, x.nan || p.nan};
  for (double base : {x.lo, x.hi})
    for (double exponent : {p.lo, p.hi})
      result = hull(result, {std::pow(base, exponent), std::pow(base, exponent), false});
  if (p.contains(0.0)) // 0^0 = inf^0 = 1, unlike what is near
    result = hull(result, kOne);
  return loosened(result, kPositive);
}

Interval power(const Interval &x, const Interval &p) {
  if (x.lo > 0 || (x.lo == 0 && p.lo >= 0))
    return powOfPositive(x, p);
  if (!p.isPoint() || !isWhole(p.lo)) {
    const bool undefined = x.lo < 0;
    Interval result = x.hi >= 0 ? powOfPositive({std::max(x.lo, 0.0), x.hi, false}, p) : kReals;
    if (undefined || (x.lo == 0 && p.lo < 0))
      result = hull(result, kReals); // whole exponents among them, and -0
    result.nan = x.nan || p.nan || undefined;
    return result;
  }
  const bool odd = std::fmod(p.lo, 2) != 0;
  const Interval magnitude = powOfPositive(absolute(x), p);
  if (!odd)
    return {magnitude.lo, magnitude.hi, x.nan};
  if (x.hi < 0)
    return {-magnitude.hi, -magnitude.lo, x.nan};
  if (p.lo < 0) // a pole of either sign at 0
    return {-kInfinity, kInfinity, x.nan};
  const Interval below = powOfPositive({0, std::max(-x.lo, 0.0), false}, p);
  const Interval above = powOfPositive({0, x.hi, false}, p);
  return {-below.hi, above.hi, x.nan};
}

/// p - by, exact where p is a whole number.
Interval lowered(const Interval &p, double by) {
  if (p.isPoint() && isWhole(p.lo) && std::fabs(p.lo) < 0x1p52)
    return Interval::point(p.lo - by);
  return p - Interval::point(by);
}

/// d/dx x^p with the language's exceptions (SPEC N6); for numbers of the precision, of which the
/// least positive one bounds the pole at 0.
Interval powSlope(Interval x, const Interval &p, Precision precision) {
  if (p.isPoint() && p.lo == 0)
    return kZero;
  const bool zeroGivesZero = reachesZero(x) && p.lo < 1;
  const bool mayBeZero = zeroGivesZero || p.contains(0.0);
  if (zeroGivesZero && x.lo == 0 && x.hi > 0)
    x.lo = leastPositive(precision);
  if (zeroGivesZero && x.lo == 0 && x.hi == 0 && p.hi < 1)
    return {0, 0, x.nan};
  Interval result = p * power(x, lowered(p, 1));
  return mayBeZero ? hull(result, kZero) : result;
}

/// g * s, and 0 where g is 0.
Interval times(const Interval &g, const Interval &s) {
  if (isZero(g))
    return kZero;
  Interval product = g * s;
  const bool infinite = std::isinf(g.lo) || std::isinf(g.hi); // inf * 0
  product.nan = g.nan || s.nan || (infinite && reachesZero(s));
  return reachesZero(g) ? hull(product, kZero) : product;
}

/// g / b, and 0 where g is 0.
Interval over(const Interval &g, const Interval &b) {
  if (isZero(g))
    return kZero;
  Interval quotient = g / b;
  const bool infinite = std::isinf(g.lo) || std::isinf(g.hi);
  quotient.nan = g.nan || b.nan || (infinite && (std::isinf(b.lo) || std::isinf(b.hi)));
  return reachesZero(g) ? hull(quotient, kZero) : quotient;
}

/// g / (2 y), and 0 for y = 0. The least positive y is the root of the least positive number.
Interval overRoot(const Interval &g, Interval y, Precision precision) {
  const bool mayBeZero = y.lo <= 0;
  if (y.hi <= 0)
    return {0, 0, y.nan && !isZero(g)};
  if (mayBeZero)
    y.lo = std::min(y.hi, std::sqrt(leastPositive(precision)) * (1 - 0x1p-20));
  const Interval quotient = over(g, Interval{2, 2, false} * y);
  return mayBeZero ? hull(quotient, kZero) : quotient;
}

enum class Truth : uint8_t { Never, Always, Either };
Interval interval(Truth truth) {
  return {truth == Truth::Always ? 1.0 : 0.0, truth == Truth::Never ? 0.0 : 1.0, false};
}
Truth truth(const Interval &c) {
  return c.nan || (c.lo == 0 && c.hi != 0) ? Truth::Either
         : c.lo == 0                       ? Truth::Never
                                           : Truth::Always;
}
/// A comparison with NaN is false, but != is true.
Truth compare(Rule rule, const Interval &a, const Interval &b) {
  const bool nan = a.nan || b.nan;
  const bool apart = a.hi < b.lo || b.hi < a.lo;
  const bool same = a.isPoint() && b.isPoint() && a.lo == b.lo;
  switch (rule) {
  case Rule::Lt:
    return a.hi < b.lo && !nan ? Truth::Always : a.lo >= b.hi ? Truth::Never : Truth::Either;
  case Rule::Le:
    return a.hi <= b.lo && !nan ? Truth::Always : a.lo > b.hi ? Truth::Never : Truth::Either;
  case Rule::Eq:
    return same ? Truth::Always : apart ? Truth::Never : Truth::Either;
  default: // Ne
    return same ? Truth::Never : apart ? Truth::Always : Truth::Either;
  }
}

/// n terms of x added in double; `roundings` are relative to the sum of their magnitudes.
Interval total(const Interval &x, const Interval &n) {
  if (n.isPoint() && n.lo == 1)
    return x;
  Interval sum = n * x;
  const double slack = n.hi * x.magnitude() * n.hi * 0x1p-52;
  sum = {x.lo >= 0 ? std::max(sum.lo - slack, 0.0) : sum.lo - slack,
         x.hi <= 0 ? std::min(sum.hi + slack, 0.0) : sum.hi + slack, x.nan};
  if (sum.lo != sum.lo)
    sum.lo = -kInfinity;
  if (sum.hi != sum.hi)
    sum.hi = kInfinity;
  sum.nan |= sum.lo == -kInfinity && sum.hi == kInfinity; // partial sums of either sign
  return sum;
}

/// Widened by some roundings of the precision.
Interval slack(const Interval &x, Precision precision, double roundings) {
  const double error = roundings * (unitOf(precision) * x.magnitude() + leastPositive(precision));
  return std::isfinite(error) ? Interval{x.lo - error, x.hi + error, x.nan} : x;
}

} // namespace

std::string_view ruleName(Rule rule) { return kRows[size_t(rule)].name; }
unsigned ruleArity(Rule rule) { return kRows[size_t(rule)].arity; }
Form ruleForm(Rule rule) { return kRows[size_t(rule)].form; }

Interval apply(Rule rule, const Interval *x, Precision precision) {
  const Interval &a = x[0];
  switch (rule) {
  case Rule::Leaf:
    return a;
  case Rule::Neg:
    return -a;
  case Rule::Exp:
    return increasing([](double v) { return std::exp(v); }, a, kPositive);
  case Rule::Log:
    return logarithm([](double v) { return std::log(v); }, a, 0);
  case Rule::Log1p:
    return logarithm([](double v) { return std::log1p(v); }, a, -1);
  case Rule::Expm1:
    return increasing([](double v) { return std::expm1(v); }, a, {-1, kInfinity, false},
                      Zero::Exact);
  case Rule::Sqrt:
    return squareRoot(a);
  case Rule::Abs:
    return absolute(a);
  case Rule::Sign:
    return sign(a);
  case Rule::Tanh:
    return increasing([](double v) { return std::tanh(v); }, a, {-1, 1, false}, Zero::Exact);
  case Rule::Sigmoid:
    return increasing(sigmoid, a, {0, 1, false});
  case Rule::Softplus:
    return increasing(softplus, a, kPositive);
  case Rule::Detach:
    return a;
  case Rule::Add:
    return a + x[1];
  case Rule::Sub:
    return a - x[1];
  case Rule::Mul:
    return a * x[1];
  case Rule::Div:
    return a / x[1];
  case Rule::Pow:
    return power(a, x[1]);
  case Rule::Min:
    return {std::min(a.lo, x[1].lo), std::min(a.hi, x[1].hi), a.nan || x[1].nan};
  case Rule::Max:
    return {std::max(a.lo, x[1].lo), std::max(a.hi, x[1].hi), a.nan || x[1].nan};
  case Rule::Lt:
  case Rule::Le:
  case Rule::Eq:
  case Rule::Ne:
    return interval(compare(rule, a, x[1]));
  case Rule::And:
    return {a.lo != 0 && x[1].lo != 0 ? 1.0 : 0.0, a.hi != 0 && x[1].hi != 0 ? 1.0 : 0.0, false};
  case Rule::Or:
    return {a.lo != 0 || x[1].lo != 0 ? 1.0 : 0.0, a.hi != 0 || x[1].hi != 0 ? 1.0 : 0.0, false};
  case Rule::Not:
    return {a.hi == 0 ? 1.0 : 0.0, a.lo == 0 ? 1.0 : 0.0, false};
  case Rule::Select:
    switch (truth(a)) {
    case Truth::Always:
      return x[1];
    case Truth::Never:
      return x[2];
    case Truth::Either:
      return hull(x[1], x[2]);
    }
    break;
  case Rule::SumPairs:
  case Rule::SumTokens:
    return total(a, x[1]);
  case Rule::SumAll:
    return total(a, x[1] * x[2]);
  case Rule::Mean:
    return x[2].isFinite() ? meet(a, slack(x[1], precision, 4)) : a;
  case Rule::AnyOf:
    return a;
  case Rule::Between: // a + w (b - a), where b - a may overflow or be NaN
    return std::isfinite(a.width()) ? slack(a, precision, 4) : Interval::all();
  case Rule::Times:
    return times(a, x[1]);
  case Rule::Over:
    return over(a, x[1]);
  case Rule::OverRoot:
    return overRoot(a, x[1], precision);
  case Rule::OverDivisor: {
    if (isZero(a))
      return kZero;
    const Interval quotient = -rounded(times(a, x[1]), precision) / x[2];
    return reachesZero(a) ? hull(quotient, kZero) : quotient;
  }
  case Rule::SigmoidSlope:
    return bump(sigmoidSlope, a, 0.25);
  case Rule::TanhSlope:
    return bump(tanhSlope, a, 1);
  case Rule::PowSlope:
    return powSlope(a, x[1], precision);
  case Rule::MinPart:
  case Rule::MaxPart: {
    const int chosen = chosenOperand(rule, x);
    return chosen == 0 ? a : chosen == -2 ? kZero : hull(a, kZero);
  }
  case Rule::ThenPart:
  case Rule::ElsePart: {
    const int chosen = chosenOperand(rule, x);
    return chosen == 0 ? a : chosen == -2 ? kZero : hull(a, kZero);
  }
  case Rule::Share:
    return x[1].isPoint() && x[1].lo == 1 ? slack(a, precision, 4)
                                          : slack(hull(a, kZero), precision, 4);
  }
  return Interval::all();
}

Interval slopeOf(Rule rule, const Interval *x) {
  const Interval &a = x[0];
  const auto of = [&](Rule other) { return apply(other, x, Precision::Double); };
  switch (rule) {
  case Rule::Exp:
  case Rule::Expm1:
    return of(Rule::Exp);
  case Rule::Log:
    return a.lo > 0 ? kOne / a : Interval::all();
  case Rule::Log1p:
    return a.lo > -1 ? kOne / (kOne + a) : Interval::all();
  case Rule::Sqrt:
    return a.lo > 0 ? Interval{0.5, 0.5, false} / squareRoot(a) : Interval::all();
  case Rule::Abs:
    return reachesZero(a) ? Interval{-1, 1, false} : sign(a);
  case Rule::Tanh:
    return of(Rule::TanhSlope);
  case Rule::Sigmoid:
    return of(Rule::SigmoidSlope);
  case Rule::Softplus:
    return of(Rule::Sigmoid);
  case Rule::SigmoidSlope: // s (1 - 2 s) with s = sigmoid
    return of(Rule::SigmoidSlope) * (kOne - Interval{2, 2, false} * of(Rule::Sigmoid));
  case Rule::TanhSlope: // -2 tanh tanh'
    return Interval{-2, -2, false} * of(Rule::Tanh) * of(Rule::TanhSlope);
  case Rule::Pow:
  case Rule::PowSlope: {
    const Interval &p = x[1];
    const double least = rule == Rule::Pow ? 1 : 2;
    if (!p.isPoint() || !(a.lo > 0 || (isWhole(p.lo) && p.lo >= least)))
      return Interval::all();
    if (rule == Rule::Pow)
      return p * power(a, lowered(p, 1));
    return p * lowered(p, 1) * power(a, lowered(p, 2));
  }
  default:
    return Interval::all();
  }
}

int chosenOperand(Rule rule, const Interval *x) {
  const auto part = [](bool taken, bool dropped) { return taken ? 0 : dropped ? -2 : -1; };
  switch (rule) {
  case Rule::Min:
    return x[0].hi <= x[1].lo ? 0 : x[1].hi <= x[0].lo ? 1 : -1;
  case Rule::Max:
    return x[0].lo >= x[1].hi ? 0 : x[1].lo >= x[0].hi ? 1 : -1;
  case Rule::Select:
    return truth(x[0]) == Truth::Always ? 1 : truth(x[0]) == Truth::Never ? 2 : -1;
  case Rule::MinPart: // NaN passes
    return part(x[1].hi<x[2].lo, x[1].lo> x[2].hi && !x[1].nan && !x[2].nan);
  case Rule::MaxPart:
    return part(x[1].lo > x[2].hi, x[1].hi < x[2].lo && !x[1].nan && !x[2].nan);
  case Rule::ThenPart:
    return part(truth(x[1]) == Truth::Always, truth(x[1]) == Truth::Never);
  case Rule::ElsePart:
    return part(truth(x[1]) == Truth::Never, truth(x[1]) == Truth::Always);
  case Rule::Mean:
    return 0;
  case Rule::AnyOf: // of one pair
  case Rule::Between:
  case Rule::Share:
    return x[1].isPoint() && x[1].lo == 1 ? 0 : -1;
  default:
    return -1;
  }
}

} // namespace disco::dsl::facts
