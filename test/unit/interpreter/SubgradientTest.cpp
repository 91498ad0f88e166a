// What the language says where a derivative does not exist: kinks, ties, unselected arms, NaN (SPEC
// N5 to N7).
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/ProgramBuilder.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace disco::dsl;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The gradient at one pair of a loss that is one operation on the policy margin.
double slopeAt(Op op, double margin) {
  ProgramBuilder build;
  Program program = build.finish(build.apply(op, {build.policyMargin()}));
  return chosenGradient(evaluate(program, margins({margin})))[0];
}

TEST(Subgradient, AbsAtZeroIsZero) {
  EXPECT_EQ(slopeAt(Op::Abs, 0), 0);
  EXPECT_EQ(slopeAt(Op::Abs, -2), -1);
  EXPECT_EQ(slopeAt(Op::Abs, 2), 1);
}

TEST(Subgradient, SqrtAtZeroIsZero) { EXPECT_EQ(slopeAt(Op::Sqrt, 0), 0); }

TEST(Subgradient, SignHasNone) { EXPECT_EQ(slopeAt(Op::Sign, 3), 0); }

double powSlopeAtZero(double exponent) {
  ProgramBuilder build;
  Program program =
      build.finish(build.apply(Op::Pow, {build.policyMargin(), build.constant(exponent)}));
  return chosenGradient(evaluate(program, margins({0})))[0];
}

TEST(Subgradient, PowAtBaseZero) {
  EXPECT_EQ(powSlopeAtZero(0.5), 0);
  EXPECT_EQ(powSlopeAtZero(-1), 0);
  EXPECT_EQ(powSlopeAtZero(0), 0);
  EXPECT_EQ(powSlopeAtZero(1), 1);
  EXPECT_EQ(powSlopeAtZero(2), 0);
}

struct Slopes {
  double value, chosen, rejected;
};
Slopes minOrMax(Op op, double a, double b) {
  ProgramBuilder build;
  Program program = build.finish(build.apply(
      op, {build.input(Input::policy_chosen_logps), build.input(Input::policy_rejected_logps)}));
  Evaluation out =
      evaluate(program, {{Input::policy_chosen_logps, {a}}, {Input::policy_rejected_logps, {b}}});
  return {out.loss, chosenGradient(out)[0], rejectedGradient(out)[0]};
}

TEST(Subgradient, MinAndMaxShareATie) {
  for (Op op : {Op::Min, Op::Max}) {
    Slopes tie = minOrMax(op, 1, 1);
    EXPECT_EQ(tie.chosen, 0.5);
    EXPECT_EQ(tie.rejected, 0.5);
  }
  Slopes smaller = minOrMax(Op::Min, 1, 2);
  EXPECT_EQ(smaller.value, 1);
  EXPECT_EQ(smaller.chosen, 1);
  EXPECT_EQ(smaller.rejected, 0);
  Slopes larger = minOrMax(Op::Max, 1, 2);
  EXPECT_EQ(larger.value, 2);
  EXPECT_EQ(larger.chosen, 0);
  EXPECT_EQ(larger.rejected, 1);
}

TEST(Subgradient, MinAndMaxPropagateNaN) {
  for (Op op : {Op::Min, Op::Max}) {
    EXPECT_TRUE(std::isnan(minOrMax(op, kNaN, 1).value));
    EXPECT_TRUE(std::isnan(minOrMax(op, 1, kNaN).value));
  }
}

// where(margin < 1, margin, log(margin - 1)): at margin 0 the other arm is log(-1) with slope -1.
TEST(Subgradient, UnselectedArmGivesExactlyZero) {
  ProgramBuilder build;
  NodeId margin = build.policyMargin(), one = build.constant(1);
  NodeId unselected = build.apply(Op::Log, {build.apply(Op::Sub, {margin, one})});
  Program program = build.finish(
      build.apply(Op::Select, {build.apply(Op::Lt, {margin, one}), margin, unselected}));
  Evaluation out = evaluate(program, margins({0, 1, 3}));
  EXPECT_EQ(out.losses[0], 0);
  EXPECT_DOUBLE_EQ(chosenGradient(out)[0] * 3, 1);
  EXPECT_TRUE(std::isinf(out.losses[1]));
  EXPECT_DOUBLE_EQ(chosenGradient(out)[2] * 3, 0.5);
}

// An adjoint of exactly 0 meets an infinite slope: 0 * log(0).
TEST(Subgradient, ZeroAdjointStopsAnInfiniteSlope) {
  ProgramBuilder build;
  NodeId margin = build.policyMargin();
  NodeId off = build.apply(Op::Select, {build.apply(Op::Lt, {build.constant(1), build.constant(0)}),
                                        build.apply(Op::Log, {margin}), margin});
  Evaluation out = evaluate(build.finish(off), margins({0}));
  EXPECT_EQ(out.loss, 0);
  EXPECT_EQ(chosenGradient(out)[0], 1);
}

TEST(Subgradient, DetachStopsTheGradient) {
  ProgramBuilder build;
  NodeId margin = build.policyMargin();
  Program program = build.finish(build.apply(Op::Mul, {margin, build.apply(Op::Detach, {margin})}));
  Evaluation out = evaluate(program, margins({3}));
  EXPECT_EQ(out.loss, 9);
  EXPECT_EQ(chosenGradient(out)[0], 3);
}

} // namespace
