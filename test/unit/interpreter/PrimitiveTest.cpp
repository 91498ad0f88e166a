// Every smooth primitive against 60-digit values and derivatives (test/oracle/primitives.py).
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/ProgramBuilder.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <optional>

using namespace disco::dsl;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr std::nullopt_t kNoSlope = std::nullopt;

struct UnaryCase {
  Op op;
  double x, value, slope;
};
struct BinaryCase {
  Op op;
  double a, b, value, slopeA;
  std::optional<double> slopeB;
};

constexpr UnaryCase kUnary[] = {
#define UNARY(OP, X, VALUE, SLOPE) {Op::OP, X, VALUE, SLOPE},
#define BINARY(...)
#include "test/oracle/Primitives.inc"
#undef UNARY
#undef BINARY
};
const BinaryCase kBinary[] = {
#define UNARY(...)
#define BINARY(OP, A, B, VALUE, SLOPE_A, SLOPE_B) {Op::OP, A, B, VALUE, SLOPE_A, SLOPE_B},
#include "test/oracle/Primitives.inc"
#undef UNARY
#undef BINARY
};

/// 8 ULP of double, and below the normal range whatever is that small.
void expectClose(double actual, double expected, const std::string &what) {
  if (std::isinf(expected)) {
    EXPECT_EQ(actual, expected) << what;
    return;
  }
  double allowed = 8 * 0x1p-52 * std::fabs(expected) + std::numeric_limits<double>::min();
  EXPECT_LE(std::fabs(actual - expected), allowed) << what << ": " << actual << " for " << expected;
}

TEST(Primitive, UnaryValuesAndSlopes) {
  for (const UnaryCase &test : kUnary) {
    ProgramBuilder build;
    Program program = build.finish(build.apply(test.op, {build.input(Input::policy_chosen_logps)}));
    Evaluation out = evaluate(program, {{Input::policy_chosen_logps, {test.x}}});
    std::string what = std::string(opMnemonic(test.op)) + "(" + std::to_string(test.x) + ")";
    expectClose(out.loss, test.value, what);
    expectClose(chosenGradient(out)[0], test.slope, "slope of " + what);
  }
}

TEST(Primitive, BinaryValuesAndSlopes) {
  for (const BinaryCase &test : kBinary) {
    ProgramBuilder build;
    NodeId a = build.input(Input::policy_chosen_logps);
    NodeId b = build.input(test.slopeB ? Input::policy_rejected_logps : Input::chosen_length);
    Program program = build.finish(build.apply(test.op, {a, b}));
    Evaluation out = evaluate(program, {{Input::policy_chosen_logps, {test.a}},
                                        {Input::policy_rejected_logps, {test.b}},
                                        {Input::chosen_length, {test.b}}});
    std::string what = std::string(opMnemonic(test.op)) + "(" + std::to_string(test.a) + ", " +
                       std::to_string(test.b) + ")";
    expectClose(out.loss, test.value, what);
    expectClose(chosenGradient(out)[0], test.slopeA, "first slope of " + what);
    if (test.slopeB)
      expectClose(rejectedGradient(out)[0], *test.slopeB, "second slope of " + what);
  }
}

double conditionOf(Op op, double a, double b) {
  ProgramBuilder build;
  NodeId condition = build.apply(op, {build.input(Input::reference_chosen_logps),
                                      build.input(Input::reference_rejected_logps)});
  Program program =
      build.finish(build.apply(Op::Select, {condition, build.constant(1), build.constant(0)}));
  return evaluate(program,
                  {{Input::reference_chosen_logps, {a}}, {Input::reference_rejected_logps, {b}}})
      .losses[0];
}

TEST(Primitive, Comparisons) {
  const double nan = std::nan("");
  EXPECT_EQ(conditionOf(Op::Lt, 1, 2), 1);
  EXPECT_EQ(conditionOf(Op::Lt, 2, 2), 0);
  EXPECT_EQ(conditionOf(Op::Le, 2, 2), 1);
  EXPECT_EQ(conditionOf(Op::Le, 3, 2), 0);
  EXPECT_EQ(conditionOf(Op::Eq, 2, 2), 1);
  EXPECT_EQ(conditionOf(Op::Ne, 2, 2), 0);
  EXPECT_EQ(conditionOf(Op::Eq, nan, nan), 0);
  EXPECT_EQ(conditionOf(Op::Ne, nan, nan), 1);
  EXPECT_EQ(conditionOf(Op::Lt, nan, 1), 0);
}

TEST(Primitive, LogicTables) {
  for (bool a : {false, true})
    for (bool b : {false, true}) {
      ProgramBuilder build;
      NodeId zero = build.constant(0);
      NodeId left = build.apply(Op::Ne, {build.input(Input::reference_chosen_logps), zero});
      NodeId right = build.apply(Op::Ne, {build.input(Input::reference_rejected_logps), zero});
      NodeId one = build.constant(1);
      const auto asReal = [&](NodeId condition) {
        return build.apply(Op::Select, {condition, one, zero});
      };
      const auto valueOf = [&](NodeId condition) {
        Program program = build.finish(asReal(condition));
        return evaluate(program, {{Input::reference_chosen_logps, {double(a)}},
                                  {Input::reference_rejected_logps, {double(b)}}})
            .loss;
      };
      EXPECT_EQ(valueOf(build.apply(Op::And, {left, right})), double(a && b));
      EXPECT_EQ(valueOf(build.apply(Op::Or, {left, right})), double(a || b));
      EXPECT_EQ(valueOf(build.apply(Op::Not, {left})), double(!a));
    }
}

} // namespace
