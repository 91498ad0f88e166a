// The float32 mode rounds every operation: it fails where single precision fails.
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/ProgramBuilder.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace disco::dsl;

namespace {

double float32Of(Op op, double a, double b) {
  ProgramBuilder build;
  Program program = build.finish(build.apply(
      op, {build.input(Input::policy_chosen_logps), build.input(Input::policy_rejected_logps)}));
  return evaluate(program, {{Input::policy_chosen_logps, {a}}, {Input::policy_rejected_logps, {b}}},
                  Precision::Float32)
      .loss;
}

TEST(Float32, RoundsAsTheProcessorDoes) {
  const float a = 1.1f, b = 3.3f;
  EXPECT_EQ(float32Of(Op::Add, a, b), a + b);
  EXPECT_EQ(float32Of(Op::Sub, a, b), a - b);
  EXPECT_EQ(float32Of(Op::Mul, a, b), a * b);
  EXPECT_EQ(float32Of(Op::Div, a, b), a / b);
  EXPECT_EQ(float32Of(Op::Add, 0x1p24, 1), 0x1p24);
}

TEST(Float32, RoundsInputsConstantsAndParameters) {
  EXPECT_EQ(float32Of(Op::Add, 0.1, 0), double(0.1f));
  ProgramBuilder build;
  NodeId beta = build.parameter("beta", 0.1);
  NodeId sum = build.apply(Op::Add, {build.policyMargin(), build.constant(0.3)});
  Program program = build.finish(build.apply(Op::Mul, {sum, beta}));
  EXPECT_EQ(evaluate(program, margins({0}), Precision::Float32).loss, 0.1f * 0.3f);
}

TEST(Float32, RoundsTheReverseSweep) {
  ProgramBuilder build;
  NodeId margin = build.policyMargin();
  Evaluation out = evaluate(build.finish(build.apply(Op::Exp, {margin})), margins({1, 2, 3}),
                            Precision::Float32);
  for (double gradient : chosenGradient(out))
    EXPECT_EQ(gradient, double(float(gradient)));
  EXPECT_EQ(chosenGradient(out)[0], double(float(std::exp(1.0)) * (1.0f / 3)));
}

TEST(Float32, OverflowsWhereSinglePrecisionDoes) {
  ProgramBuilder build;
  Program program = build.finish(build.apply(Op::Exp, {build.policyMargin()}));
  EXPECT_TRUE(std::isfinite(evaluate(program, margins({88.72}), Precision::Float32).loss));
  EXPECT_TRUE(std::isinf(evaluate(program, margins({88.73}), Precision::Float32).loss));
  EXPECT_TRUE(std::isfinite(evaluate(program, margins({88.73})).loss));
}

} // namespace
