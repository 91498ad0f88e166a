// The elementary functions of kernels against the C library in double: at most 4 units in the last
// place of float32 on arguments of every magnitude, and the same special values.
#include "test/unit/compiler/RunKernel.h"
#include "test/unit/interpreter/ProgramBuilder.h"

#include <bit>
#include <cfloat>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

namespace disco::compiler {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kMax = std::numeric_limits<float>::max();
constexpr float kDenormal = std::numeric_limits<float>::denorm_min();

using dsl::Input;
using dsl::Op;

/// Distance in float32 steps at `expected`; below the smallest normal number a step is the smallest
/// denormal.
double unitsApart(float actual, double expected) {
  const float rounded = float(expected);
  if (std::isnan(actual) || std::isnan(expected))
    return std::isnan(actual) == std::isnan(expected) ? 0 : INFINITY;
  if (std::isinf(actual) || std::isinf(rounded))
    return actual == rounded ? 0 : INFINITY;
  const int exponent = std::max(std::ilogb(expected == 0 ? double(kDenormal) : expected), -126);
  return std::fabs(double(actual) - expected) / std::ldexp(1.0, exponent - 23);
}

/// Special values, every binade, and a dense range around 0.
std::vector<float> arguments() {
  std::vector<float> values = {0.0f,     -0.0f,   1.0f,    -1.0f,      kInfinity,   -kInfinity,
                               kNaN,     kMax,    -kMax,   0.5f,       kDenormal,   -kDenormal,
                               88.7228f, 88.73f,  -87.34f, -103.9f,    -104.f,      -105.f,
                               1e-38f,   -1e-38f, FLT_MIN, 0.6931472f, -0.6931472f, 2.0f};
  std::mt19937 random(1);
  for (uint32_t exponent = 0; exponent < 255; ++exponent)
    for (int i = 0; i < 16; ++i)
      values.push_back(std::bit_cast<float>(exponent << 23 | uint32_t(random() & 0x807FFFFF)));
  for (int i = -20000; i <= 20000; ++i)
    values.push_back(float(i) * 0.0053f);
  return values;
}

struct Function {
  Op op;
  double (*exact)(double);
};

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::fabs(x))); }
double softplusKeepingNaN(double x) { return std::isnan(x) ? x : softplus(x); }
double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
double negated(double x) { return -x; }

class LaneMath : public testing::TestWithParam<Function> {};

TEST_P(LaneMath, IsWithinFourUnits) {
  dsl::ProgramBuilder builder;
  const dsl::Program program =
      builder.finish(builder.apply(GetParam().op, {builder.input(Input::policy_chosen_logps)}));
  Columns columns;
  columns[Input::policy_chosen_logps] = arguments();
  columns.pairs = columns[Input::policy_chosen_logps].size();
  const KernelResults results = run(kernelOf(program), columns, {});
  double worst = 0;
  for (size_t i = 0; i < columns.pairs; ++i) {
    const float x = columns[Input::policy_chosen_logps][i];
    const double units = unitsApart(results.losses[i], GetParam().exact(x));
    worst = std::max(worst, units);
    ASSERT_LE(units, 4) << "at " << std::hexfloat << x << ": " << results.losses[i] << ", expected "
                        << GetParam().exact(x);
  }
  RecordProperty("worst_units", std::to_string(worst));
}

INSTANTIATE_TEST_SUITE_P(
    Unary, LaneMath,
    testing::Values(Function{Op::Neg, negated}, Function{Op::Exp, std::exp},
                    Function{Op::Log, std::log}, Function{Op::Log1p, std::log1p},
                    Function{Op::Expm1, std::expm1}, Function{Op::Sqrt, std::sqrt},
                    Function{Op::Abs, std::fabs}, Function{Op::Sign, sign},
                    Function{Op::Tanh, std::tanh}, Function{Op::Sigmoid, sigmoid},
                    Function{Op::Softplus, softplusKeepingNaN}),
    [](const testing::TestParamInfo<Function> &info) {
      return std::string(dsl::opMnemonic(info.param.op));
    });

/// Every pair of interesting bases and exponents through a two-operand function.
void expectBinary(Op op, const std::function<double(double, double)> &exact) {
  dsl::ProgramBuilder builder;
  const dsl::Program program = builder.finish(builder.apply(
      op, {builder.input(Input::policy_chosen_logps), builder.input(Input::chosen_length)}));
  std::vector<float> left = arguments(),
                     right = {0.0f,       -0.0f,       1.0f,        -1.0f,  2.0f,  -2.0f,
                              3.0f,       -3.0f,       0.5f,        -0.5f,  0.1f,  1.5f,
                              7.0f,       16777215.0f, 16777216.0f, -1e30f, 1e30f, kInfinity,
                              -kInfinity, kNaN,        2.5f,        -0.75f, 41.3f};
  Columns columns;
  for (size_t i = 0; i < left.size(); i += i < 64 ? 1 : 17)
    for (float y : right) {
      columns[Input::policy_chosen_logps].push_back(left[i]);
      columns[Input::chosen_length].push_back(y);
    }
  columns.pairs = columns[Input::chosen_length].size();
  const KernelResults results = run(kernelOf(program), columns, {});
  for (size_t i = 0; i < columns.pairs; ++i) {
    const float x = columns[Input::policy_chosen_logps][i], y = columns[Input::chosen_length][i];
    ASSERT_LE(unitsApart(results.losses[i], exact(x, y)), 4)
        << std::hexfloat << x << " and " << y << ": " << results.losses[i] << ", expected "
        << exact(x, y);
  }
}

TEST(LaneMathBinary, PowIsCs) {
  expectBinary(Op::Pow, [](double x, double p) { return std::pow(x, p); });
}
TEST(LaneMathBinary, MinPropagatesNaN) {
  expectBinary(Op::Min, [](double a, double b) { return a != a || b != b ? NAN : std::min(a, b); });
}
TEST(LaneMathBinary, MaxPropagatesNaN) {
  expectBinary(Op::Max, [](double a, double b) { return a != a || b != b ? NAN : std::max(a, b); });
}
TEST(LaneMathBinary, Quotient) {
  expectBinary(Op::Div, [](double a, double b) { return a / b; });
}

TEST(LaneMathBinary, ComparisonsWithNaNAreFalseExceptNe) {
  const std::pair<Op, bool> expected[] = {
      {Op::Lt, false}, {Op::Le, false}, {Op::Eq, false}, {Op::Ne, true}};
  for (auto [op, whole] : expected) {
    dsl::ProgramBuilder builder;
    dsl::NodeId x = builder.input(Input::policy_chosen_logps);
    dsl::NodeId test = builder.apply(op, {x, builder.constant(1)});
    const dsl::Program program =
        builder.finish(builder.apply(Op::Select, {test, builder.constant(1), builder.constant(0)}));
    Columns columns;
    columns[Input::policy_chosen_logps] = {kNaN};
    columns.pairs = 1;
    EXPECT_EQ(run(kernelOf(program), columns, {}).losses[0], whole ? 1 : 0) << dsl::opMnemonic(op);
  }
}

} // namespace
} // namespace disco::compiler
