// Every rule of the table, at numbers where such rules go wrong: it holds what the operation gives
// on ends, middles and zeros of its operands, computed by functions that share no code with it.
#include "dsl/facts/Rules.h"

#include <array>
#include <gtest/gtest.h>
#include <map>

namespace disco::dsl::facts {
namespace {

const double kMax = std::numeric_limits<double>::max();
const double kLeast = std::numeric_limits<double>::denorm_min();
const double kNaN = std::numeric_limits<double>::quiet_NaN();

using Function = double (*)(double, double, double);

double logistic(double x) { return 1 / (1 + std::exp(-x)); }

/// What each operation is, after SPEC 5, 6 and 7.
const std::map<Rule, Function> kMeaning = {
    {Rule::Neg, [](double x, double, double) { return -x; }},
    {Rule::Exp, [](double x, double, double) { return std::exp(x); }},
    {Rule::Log, [](double x, double, double) { return std::log(x); }},
    {Rule::Log1p, [](double x, double, double) { return std::log1p(x); }},
    {Rule::Expm1, [](double x, double, double) { return std::expm1(x); }},
    {Rule::Sqrt, [](double x, double, double) { return std::sqrt(x); }},
    {Rule::Abs, [](double x, double, double) { return std::fabs(x); }},
    {Rule::Sign, [](double x, double, double) { return x != x ? x : double((x > 0) - (x < 0)); }},
    {Rule::Tanh, [](double x, double, double) { return std::tanh(x); }},
    {Rule::Sigmoid, [](double x, double, double) { return logistic(x); }},
    {Rule::Softplus,
     [](double x, double, double) { return x > 700 ? x : std::log1p(std::exp(x)); }},
    {Rule::Detach, [](double x, double, double) { return x; }},
    {Rule::Add, [](double x, double y, double) { return x + y; }},
    {Rule::Sub, [](double x, double y, double) { return x - y; }},
    {Rule::Mul, [](double x, double y, double) { return x * y; }},
    {Rule::Div, [](double x, double y, double) { return x / y; }},
    {Rule::Pow, [](double x, double y, double) { return std::pow(x, y); }},
    {Rule::Min, [](double x, double y, double) { return x != x || y != y ? kNaN
                                                        : x < y          ? x
                                                                         : y; }},
    {Rule::Max, [](double x, double y, double) { return x != x || y != y ? kNaN
                                                        : x > y          ? x
                                                                         : y; }},
    {Rule::Lt, [](double x, double y, double) { return double(x < y); }},
    {Rule::Le, [](double x, double y, double) { return double(x <= y); }},
    {Rule::Eq, [](double x, double y, double) { return double(x == y); }},
    {Rule::Ne, [](double x, double y, double) { return double(x != y); }},
    {Rule::Times, [](double g, double s, double) { return g == 0 ? 0 : g * s; }},
    {Rule::Over, [](double g, double b, double) { return g == 0 ? 0 : g / b; }},
    {Rule::OverRoot, [](double g, double y, double) { return g == 0 || y == 0 ? 0 : g / (2 * y); }},
    {Rule::OverDivisor, [](double g, double y, double b) { return g == 0 ? 0 : -(g * y) / b; }},
    {Rule::SigmoidSlope,
     [](double x, double, double) { return std::pow(0.5 / std::cosh(x / 2), 2); }},
    {Rule::TanhSlope, [](double x, double, double) { return std::pow(1 / std::cosh(x), 2); }},
    {Rule::PowSlope,
     [](double x, double p, double) {
       return p == 0 || (x == 0 && p < 1) ? 0 : p * std::pow(x, p - 1);
     }},
    {Rule::MinPart, [](double g, double a, double b) { return a == b  ? g / 2
                                                              : a > b ? 0
                                                                      : g; }},
    {Rule::MaxPart, [](double g, double a, double b) { return a == b  ? g / 2
                                                              : a < b ? 0
                                                                      : g; }},
};
/// Those of truth values: operands are 0 or 1.
const std::map<Rule, Function> kLogic = {
    {Rule::And, [](double x, double y, double) { return double(x != 0 && y != 0); }},
    {Rule::Or, [](double x, double y, double) { return double(x != 0 || y != 0); }},
    {Rule::Not, [](double x, double, double) { return double(x == 0); }},
};

const std::vector<double> kNumbers = {-kInfinity, -kMax,  -1e30,   -745, -88.8,  -2,    -1,
                                      -0.5,       -1e-30, -kLeast, 0,    kLeast, 1e-30, 0.5,
                                      1,          2,      88.8,    710,  1e30,   kMax,  kInfinity};

std::vector<Interval> intervalsOver(const std::vector<double> &numbers, size_t stride) {
  std::vector<Interval> intervals;
  for (size_t i = 0; i < numbers.size(); ++i)
    for (size_t j = i; j < numbers.size(); j += (j == i ? 1 : stride))
      intervals.push_back({numbers[i], numbers[j], false});
  intervals.push_back({0.5, 2, true});
  return intervals;
}

std::vector<double> membersOf(const Interval &x) {
  std::vector<double> members{x.lo, x.hi};
  for (double number : kNumbers)
    if (x.lo < number && number < x.hi)
      members.push_back(number);
  if (x.contains(0.0))
    members.push_back(-0.0);
  if (x.nan)
    members.push_back(kNaN);
  return members;
}

void expectHolds(Rule rule, Function meaning, std::array<Interval, 3> x, unsigned arity) {
  const Interval result = apply(rule, x.data(), Precision::Double);
  const auto none = std::vector<double>{0};
  for (double a : membersOf(x[0]))
    for (double b : arity > 1 ? membersOf(x[1]) : none)
      for (double c : arity > 2 ? membersOf(x[2]) : none) {
        const double y = meaning(a, b, c);
        const bool held = result.contains(y) || result.contains(std::nextafter(y, 0)) ||
                          (std::isfinite(y) && y != 0 && result.contains(y * (1 - 1e-13))) ||
                          (std::isfinite(y) && y != 0 && result.contains(y * (1 + 1e-13)));
        ASSERT_TRUE(held) << ruleName(rule) << "(" << a << ", " << b << ", " << c << ") = " << y
                          << " outside [" << result.lo << ", " << result.hi << "]"
                          << (result.nan ? " or NaN" : "") << " for [" << x[0].lo << ", " << x[0].hi
                          << "], [" << x[1].lo << ", " << x[1].hi << "]";
      }
}

TEST(Rules, HoldWhatTheOperationGivesAtSpecialValues) {
  for (const auto &[rule, meaning] : kMeaning) {
    const unsigned arity = ruleArity(rule);
    const std::vector<Interval> intervals = intervalsOver(kNumbers, arity > 2   ? 11
                                                                    : arity > 1 ? 5
                                                                                : 1);
    const std::vector<Interval> one{Interval::point(0)};
    const bool rooted = rule == Rule::OverRoot; // its second operand is a square root
    for (const Interval &a : intervals)
      for (const Interval &b : arity > 1 ? intervals : one)
        for (const Interval &c : arity > 2 ? intervals : one) {
          const bool possible = !rooted || b.lo == 0 || b.lo >= 1e-30;
          if (possible)
            expectHolds(rule, meaning, {a, rooted && b.lo == 0 ? Interval{0, 0} : b, c}, arity);
          if (::testing::Test::HasFatalFailure())
            return;
        }
  }
}

TEST(Rules, HoldTruthValues) {
  const std::vector<Interval> truths{{0, 0}, {1, 1}, {0, 1}};
  for (const auto &[rule, meaning] : kLogic)
    for (const Interval &a : truths)
      for (const Interval &b : truths)
        expectHolds(rule, meaning, {a, b, Interval{}}, ruleArity(rule));
}

TEST(Rules, EveryRuleIsHere) {
  // The others choose among or add up operands, which Soundness covers.
  const size_t rest = 13; // Leaf, Select, three sums, Mean, AnyOf, Between, two parts, Share, ...
  EXPECT_GE(kMeaning.size() + kLogic.size() + rest, kRuleCount);
}

Interval of(Rule rule, std::initializer_list<Interval> x) {
  return apply(rule, x.begin(), Precision::Float32);
}

TEST(Rules, AZeroAdjointPassesZeroWhateverTheSlope) { // SPEC N5
  EXPECT_EQ(of(Rule::Times, {Interval::point(0), {-kInfinity, kInfinity, true}}),
            Interval::point(0));
  EXPECT_EQ(of(Rule::Over, {Interval::point(0), {-1, 1, true}}), Interval::point(0));
}

TEST(Rules, ZeroTimesInfinityMayBeNaN) {
  EXPECT_TRUE((of(Rule::Mul, {{0, 1}, {1, kInfinity}}).nan));
  EXPECT_FALSE((of(Rule::Mul, {{0.5, 1}, {1, kInfinity}}).nan));
  // But an adjoint of 0 is skipped: 0 * inf is not computed.
  EXPECT_FALSE((of(Rule::Times, {{0, 1}, {1, kInfinity}}).nan));
  EXPECT_TRUE((of(Rule::Times, {{1, kInfinity}, {0, 1}}).nan));
}

TEST(Rules, RootsOfFloat32NumbersBoundTheirReciprocal) {
  // The least positive root in float32 is sqrt(2^-149), so 1 / (2 y) stays below 1.4e22.
  const Interval slope = of(Rule::OverRoot, {Interval::point(1), {0, 10}});
  EXPECT_EQ(slope.lo, 0);
  EXPECT_NEAR(slope.hi, 0.5 / std::sqrt(0x1p-149), 1e17);
}

TEST(Rules, RoundingToFloat32Overflows) {
  EXPECT_EQ(rounded({1e39, 1e40}, Precision::Float32).lo, kInfinity);
  EXPECT_EQ(rounded({0.1, 0.1}, Precision::Float32).lo, double(0.1f));
  EXPECT_EQ(rounded({-1e40, 0.1}, Precision::Float32), (Interval{-kInfinity, double(0.1f)}));
}

TEST(Rules, OutwardRoundingDoesNotCrossZero) {
  const Interval sum = of(Rule::Add, {{0, 1e-300}, {0, 1}});
  EXPECT_EQ(sum.lo, 0);
  const Interval tiny = of(Rule::Mul, {{1e-300, 1e-200}, {1e-300, 1e-200}});
  EXPECT_EQ(tiny.lo, 0);
  EXPECT_GT(tiny.hi, 0);
}

} // namespace
} // namespace disco::dsl::facts
