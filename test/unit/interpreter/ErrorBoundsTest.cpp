// The error bounds hold what float32 evaluation actually does (SPEC N2), and know an exact tie from
// a near one (SPEC N3).
#include "dsl/Tolerance.h"
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/RandomProgram.h"

#include <functional>
#include <gtest/gtest.h>

using namespace disco::dsl;

namespace {

TEST(ErrorBounds, HoldFloat32EvaluationOfRandomPrograms) {
  size_t compared = 0, informative = 0;
  for (uint64_t seed = 0; seed < 10000; ++seed) {
    Program program = randomProgram(seed, 1 + seed % 20, Vocabulary::All);
    program.metrics = {{"loss", program.loss}};
    program.chosenReward = program.loss;
    Interpreter interpreter(program);
    const Step step = randomStep(seed, 1 + seed % 9, seed % 3 ? 5 : 100, program.columns.size());
    Evaluation exact, single;
    ErrorBounds bounds;
    interpreter.evaluateWithBounds(step.batch(), program.defaultParameters(), exact, bounds);
    interpreter.evaluate(step.batch(), program.defaultParameters(), single, Precision::Float32);
    const auto expectAgreement = [&](double actual, double expected, double bound, const char *what,
                                     size_t pair) {
      EXPECT_TRUE(tolerance::agrees(actual, expected, bound))
          << "seed " << seed << " " << what << " of pair " << pair << ": " << actual << " for "
          << expected << " +- " << bound;
      ++compared;
      informative += bound <= 1e-3 * std::fabs(expected);
    };
    expectAgreement(single.loss, exact.loss, bounds.loss, "mean", 0);
    for (size_t i = 0; i < exact.losses.size(); ++i)
      expectAgreement(single.losses[i], exact.losses[i], bounds.losses[i], "loss", i);
    for (size_t k = 0; k < kInputCount; ++k)
      for (size_t i = 0; i < exact.gradients[k].size(); ++i)
        expectAgreement(single.gradients[k][i], exact.gradients[k][i], bounds.gradients[k][i],
                        "gradient", i);
    // As if a metric and a reward: the loss again.
    EXPECT_EQ(bounds.metrics, std::vector<double>{bounds.loss});
    EXPECT_EQ(bounds.chosenRewards, bounds.losses);
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

// What double loses on the way a stabilised form may have kept (SPEC R6, R8, R10).
TEST(ErrorBounds, AdmitStabilisedForms) {
  using Wrap = std::function<NodeId(ProgramBuilder &, NodeId margin)>;
  const auto boundAt = [](double margin, const Wrap &wrap) {
    ProgramBuilder build;
    return boundsAt(build.finish(wrap(build, build.policyMargin())), {margin}).losses[0];
  };
  const Wrap logSigmoid = [](ProgramBuilder &build, NodeId x) {
    return build.apply(Op::Log, {build.apply(Op::Sigmoid, {x})});
  };
  const Wrap logOnePlusExp = [](ProgramBuilder &build, NodeId x) {
    return build.apply(Op::Log1p, {build.apply(Op::Exp, {x})});
  };
  const Wrap logOnePlus = [](ProgramBuilder &build, NodeId x) {
    return build.apply(Op::Log, {build.apply(Op::Add, {build.constant(1), x})});
  };
  EXPECT_EQ(boundAt(-800, logSigmoid), INFINITY);
  EXPECT_LT(boundAt(-80, logSigmoid), 1e-3);
  EXPECT_EQ(boundAt(800, logOnePlusExp), INFINITY);
  EXPECT_LT(boundAt(80, logOnePlusExp), 1e-3);
  EXPECT_GE(boundAt(0x1p-100, logOnePlus), 0x1p-100);
  EXPECT_EQ(boundAt(0, logOnePlus), 0);
}

TEST(ErrorBounds, OfAnOverflowAreInfinite) {
  ProgramBuilder build;
  Program program = build.finish(build.apply(Op::Exp, {build.policyMargin()}));
  EXPECT_TRUE(std::isinf(boundsAt(program, {89}).losses[0]));
  EXPECT_TRUE(std::isfinite(boundsAt(program, {88}).losses[0]));
}

// The order of two numbers that float32 cannot tell apart is not known: the gradient of either may
// be that of the other.
// 0 * exp(200) is 0, and in float32 NaN, of which sign and the slope of abs are NaN.
TEST(ErrorBounds, OfWhatMayBeNaNAreInfinite) {
  const auto boundsOf = [](Op op) {
    ProgramBuilder build;
    const NodeId huge = build.apply(Op::Exp, {build.policyMargin()});
    return boundsAt(
        build.finish(build.apply(op, {build.apply(Op::Mul, {build.constant(0), huge})})), {200});
  };
  EXPECT_EQ(boundsOf(Op::Sign).losses[0], INFINITY);
  EXPECT_EQ(boundsOf(Op::Abs).gradients[size_t(Input::policy_chosen_logps)][0], INFINITY);
}

TEST(ErrorBounds, CoverRanksThatMayChange) {
  ProgramBuilder build;
  NodeId z = build.apply(Op::Mul, {build.parameter("beta", 0.1), build.policyMargin()});
  NodeId rank = build.input(Input::reference_chosen_logps);
  Program program = build.finish(build.apply(Op::Mul, {rank, build.apply(Op::BatchSort, {z})}));
  Columns columns = margins({1, 1 + 0x1p-22, 7});
  columns[Input::reference_chosen_logps] = {1, 2, 30};
  Evaluation out;
  ErrorBounds bounds;
  Interpreter(program).evaluateWithBounds(batchOf(columns), program.defaultParameters(), out,
                                          bounds);
  const std::vector<double> &gradients = bounds.gradients[size_t(Input::policy_chosen_logps)];
  EXPECT_EQ(bounds.nearKink, (std::vector<bool>{true, true, false}));
  EXPECT_GE(gradients[0], 0.1 / 3 * 0.999);
  EXPECT_GE(gradients[1], 0.1 / 3 * 0.999);
  EXPECT_LT(gradients[2], 1e-6);
  EXPECT_LT(bounds.losses[0], 1e-6); // the value moves little
}

TEST(ErrorBounds, OfAnExactOrderAreThoseOfItsValues) {
  ProgramBuilder build;
  NodeId margin = build.policyMargin();
  for (Op op : {Op::BatchMax, Op::BatchQuantile}) {
    NodeId x = op == Op::BatchMax ? build.apply(op, {margin})
                                  : build.apply(op, {margin, build.constant(0.5)});
    const ErrorBounds bounds = boundsAt(build.finish(x), {0, 3, 3});
    EXPECT_EQ(bounds.nearKink, std::vector<bool>(3, false));
    EXPECT_EQ(bounds.loss, 0);
    EXPECT_LT(bounds.gradients[size_t(Input::policy_chosen_logps)][1], 1e-7);
  }
}

TEST(ErrorBounds, OfNextAreThoseOfItsValue) {
  ProgramBuilder build;
  NodeId margin = build.policyMargin(), level = build.state("level", build.constant(0.1));
  NodeId sum = build.apply(Op::BatchSum, {margin});
  Program program = build.finish(margin, {build.apply(Op::Mul, {level, sum})});
  const ErrorBounds bounds = boundsAt(program, {1, 2});
  EXPECT_GT(bounds.next[0], 0.3 * 0x1p-24);
  EXPECT_LT(bounds.next[0], 0.3 * 0x1p-20);
}

} // namespace
