// The error bounds hold what float32 evaluation actually does, and know an exact tie from a near
// one.
#include "dsl/Tolerance.h"
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/RandomProgram.h"

#include <gtest/gtest.h>

using namespace disco::dsl;

namespace {

TEST(ErrorBounds, HoldFloat32EvaluationOfRandomPrograms) {
  size_t compared = 0, informative = 0;
  for (uint64_t seed = 0; seed < 10000; ++seed) {
    Program program = randomProgram(seed, 1 + seed % 20, Vocabulary::All);
    Interpreter interpreter(program);
    auto columns = randomColumns(seed, 1 + seed % 9, seed % 3 ? 5 : 100);
    Evaluation exact, single;
    ErrorBounds bounds;
    interpreter.evaluateWithBounds(batchOf(columns), program.defaultParameters(), exact, bounds);
    interpreter.evaluate(batchOf(columns), program.defaultParameters(), single, Precision::Float32);
    const auto expectAgreement = [&](double actual, double expected, double bound, const char *what,
                                     size_t pair) {
      EXPECT_TRUE(tolerance::agrees(actual, expected, bound))
          << "seed " << seed << " " << what << " of pair " << pair << ": " << actual << " for "
          << expected << " +- " << bound;
      ++compared;
      informative += bound <= 1e-3 * std::fabs(expected);
    };
    expectAgreement(single.loss, exact.loss, bounds.loss, "mean", 0);
    for (size_t i = 0; i < exact.losses.size(); ++i) {
      expectAgreement(single.losses[i], exact.losses[i], bounds.losses[i], "loss", i);
      for (Input input : {Input::policy_chosen_logps, Input::policy_rejected_logps}) {
        size_t k = size_t(input);
        expectAgreement(single.gradients[k][i], exact.gradients[k][i], bounds.gradients[k][i],
                        "gradient", i);
      }
    }
  }
  EXPECT_GE(informative * 2, compared) << "bounds so wide that they say nothing";
}

ErrorBounds boundsAt(const Program &program, std::vector<double> at) {
  Evaluation out;
  ErrorBounds bounds;
  Columns columns = margins(std::move(at));
  Interpreter(program).evaluateWithBounds(batchOf(columns), program.defaultParameters(), out,
                                          bounds);
  return bounds;
}

// hinge: max(0, 1 - beta * margin) has its kink at margin 10, where float32's beta is not 0.1.
TEST(ErrorBounds, MarkTheNeighbourhoodOfAKink) {
  ProgramBuilder build;
  NodeId z = build.apply(Op::Mul, {build.parameter("beta", 0.1), build.policyMargin()});
  NodeId slack = build.apply(Op::Sub, {build.constant(1), z});
  Program program = build.finish(build.apply(Op::Max, {slack, build.constant(0)}));
  ErrorBounds bounds = boundsAt(program, {0, 9.9, 10, 10.1});
  EXPECT_EQ(bounds.nearKink, (std::vector<bool>{false, false, true, false}));
}

TEST(ErrorBounds, DoNotMarkAnExactTie) {
  ProgramBuilder build;
  NodeId z = build.apply(Op::Mul, {build.parameter("beta", 0.1), build.policyMargin()});
  Program program = build.finish(build.apply(Op::Abs, {z}));
  ErrorBounds bounds = boundsAt(program, {0, 1});
  EXPECT_EQ(bounds.nearKink, (std::vector<bool>{false, false}));
  EXPECT_EQ(bounds.losses[0], 0);
  EXPECT_EQ(bounds.gradients[size_t(Input::policy_chosen_logps)][0], 0);
}

TEST(ErrorBounds, ABatchValueNearAKinkMarksEveryPair) {
  ProgramBuilder build;
  NodeId margin = build.policyMargin();
  NodeId mean =
      build.apply(Op::Div, {build.apply(Op::BatchSum, {margin}), build.input(Input::batch_size)});
  NodeId third = build.apply(Op::Sub, {mean, build.constant(0.1)});
  Program program = build.finish(build.apply(Op::Mul, {build.apply(Op::Abs, {third}), margin}));
  EXPECT_EQ(boundsAt(program, {0.3f, 0.0f, 0.0f}).nearKink, std::vector<bool>(3, true));
  EXPECT_EQ(boundsAt(program, {0.5f, 0.0f, 0.0f}).nearKink, std::vector<bool>(3, false));
}

TEST(ErrorBounds, GrowWithCancellation) {
  ProgramBuilder build;
  NodeId z = build.apply(Op::Mul, {build.parameter("beta", 0.1), build.policyMargin()});
  NodeId cancelled = build.apply(Op::Sub, {build.apply(Op::Exp, {z}), build.constant(1)});
  ErrorBounds bounds = boundsAt(build.finish(cancelled), {1e-3f});
  EXPECT_GT(bounds.losses[0], 0x1p-24);
  EXPECT_LT(bounds.losses[0], 1e-5);
}

TEST(ErrorBounds, OfAnOverflowAreInfinite) {
  ProgramBuilder build;
  Program program = build.finish(build.apply(Op::Exp, {build.policyMargin()}));
  EXPECT_TRUE(std::isinf(boundsAt(program, {89}).losses[0]));
  EXPECT_TRUE(std::isfinite(boundsAt(program, {88}).losses[0]));
}

} // namespace
