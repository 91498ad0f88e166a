// The elementary functions of kernels, for every target and in both types, against the C library in
// long double: at most 4 units in the last place on arguments of every magnitude, and the same
// special values.
#include "runtime/KernelImage.h"
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

/// Distance in steps of Real at `expected`; below the smallest normal number a step is the smallest
/// denormal.
template <typename Real> double unitsApart(Real actual, long double expected) {
  using Limits = std::numeric_limits<Real>;
  const Real rounded = Real(expected);
  if (std::isnan(actual) || std::isnan(expected))
    return std::isnan(actual) == std::isnan(expected) ? 0 : INFINITY;
  if (std::isinf(actual) || std::isinf(rounded))
    return actual == rounded ? 0 : INFINITY;
  const int least = Limits::min_exponent - 1;
  const int exponent = expected == 0 ? least : std::max(std::ilogb(expected), least);
  return double(std::fabs(actual - expected) / std::ldexp(1.0L, exponent + 1 - Limits::digits));
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
  long double (*exact)(long double);
};

long double sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }
long double softplus(long double x) {
  return std::isnan(x) ? x : std::max(x, 0.0L) + std::log1p(std::exp(-std::fabs(x)));
}
long double sign(long double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }
long double negated(long double x) { return -x; }

class LaneMath : public testing::TestWithParam<Function> {
protected:
  dsl::Program program() {
    dsl::ProgramBuilder builder;
    return builder.finish(
        builder.apply(GetParam().op, {builder.input(Input::policy_chosen_logps)}));
  }
  template <typename Real>
  void expectFourUnits(const std::vector<Real> &x, const HostOptions &options) {
    SCOPED_TRACE(runtime::targetName(options.target));
    Result<runtime::HostKernel> kernel = sharedCompiler().compileHost(program(), options);
    ASSERT_TRUE(kernel) << kernel.error().message;
    const void *inputs[] = {x.data()};
    const Real numbers[] = {0};
    std::vector<Real> losses(x.size()), unused(x.size());
    Real *rewards[] = {unused.data(), unused.data()};
    kernel->report(inputs, numbers, int64_t(x.size()), losses.data(), rewards, nullptr);
    for (size_t i = 0; i < x.size(); ++i)
      ASSERT_LE(unitsApart(losses[i], GetParam().exact(x[i])), 4)
          << "at " << std::hexfloat << x[i] << ": " << losses[i] << ", expected "
          << GetParam().exact(x[i]);
  }
};

std::vector<runtime::Target> targetsOfThisCpu() {
  std::vector<runtime::Target> targets;
  for (runtime::Target target : runtime::kTargets)
    if (target <= runtime::bestTarget())
      targets.push_back(target);
  return targets;
}

TEST_P(LaneMath, IsWithinFourUnits) {
  for (runtime::Target target : targetsOfThisCpu())
    expectFourUnits(arguments(), {.target = target});
}

TEST_P(LaneMath, IsWithinFourUnitsInFloat64) {
  std::vector<double> x;
  std::mt19937_64 random(2);
  for (uint64_t exponent = 0; exponent < 2047; ++exponent)
    for (int i = 0; i < 4; ++i)
      x.push_back(std::bit_cast<double>(exponent << 52 | (random() & 0x800FFFFFFFFFFFFF)));
  for (float value : arguments())
    x.push_back(double(value) * (std::isfinite(value) ? 1 + 1e-10 : 1));
  for (double value : {709.78, 709.79, -745.1, -745.2, 5e-324, -5e-324, DBL_MIN, DBL_MAX})
    x.push_back(value);
  for (runtime::Target target : targetsOfThisCpu())
    expectFourUnits(x, {.target = target, .dtype = runtime::Dtype::Float64});
}

INSTANTIATE_TEST_SUITE_P(
    Unary, LaneMath,
    testing::Values(Function{Op::Neg, negated}, Function{Op::Exp, std::exp},
                    Function{Op::Log, std::log}, Function{Op::Log1p, std::log1p},
                    Function{Op::Expm1, std::expm1}, Function{Op::Sqrt, std::sqrt},
                    Function{Op::Abs, std::fabs}, Function{Op::Sign, sign},
                    Function{Op::Tanh, std::tanh}, Function{Op::Sigmoid, sigmoid},
                    Function{Op::Softplus, softplus}),
    [](const testing::TestParamInfo<Function> &info) {
      return std::string(dsl::opMnemonic(info.param.op));
    });

/// Every pair of interesting bases and exponents through a two-operand function, for every target.
void expectBinary(Op op, const std::function<double(double, double)> &exact) {
  dsl::ProgramBuilder builder;
  const dsl::Program program = builder.finish(builder.apply(
      op, {builder.input(Input::policy_chosen_logps), builder.input(Input::chosen_length)}));
  std::vector<float> left = arguments(),
                     right = {0.0f,       -0.0f,       1.0f,        -1.0f,  2.0f,  -2.0f,
                              3.0f,       -3.0f,       0.5f,        -0.5f,  0.1f,  1.5f,
                              7.0f,       16777215.0f, 16777216.0f, -1e30f, 1e30f, kInfinity,
                              -kInfinity, kNaN,        2.5f,        -0.75f, 41.3f, 8388607.0f,
                              8388607.5f, 8388609.0f};
  Columns columns;
  for (size_t i = 0; i < left.size(); i += i < 64 ? 1 : 17)
    for (float y : right) {
      columns[Input::policy_chosen_logps].push_back(left[i]);
      columns[Input::chosen_length].push_back(y);
    }
  columns.pairs = columns[Input::chosen_length].size();
  for (runtime::Target target : targetsOfThisCpu()) {
    SCOPED_TRACE(runtime::targetName(target));
    Result<runtime::HostKernel> kernel = sharedCompiler().compileHost(program, {.target = target});
    ASSERT_TRUE(kernel) << kernel.error().message;
    const KernelResults results = run(*kernel, columns, {});
    for (size_t i = 0; i < columns.pairs; ++i) {
      const float x = columns[Input::policy_chosen_logps][i], y = columns[Input::chosen_length][i];
      ASSERT_LE(unitsApart(results.losses[i], exact(x, y)), 4)
          << std::hexfloat << x << " and " << y << ": " << results.losses[i] << ", expected "
          << exact(x, y);
    }
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
