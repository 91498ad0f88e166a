// Extents: broadcasting, reductions over pairs, means, rewards and metrics, and batches of 0 and 1.
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/ProgramBuilder.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace disco::dsl;

namespace {

NodeId batchMean(ProgramBuilder &build, NodeId x) {
  return build.apply(Op::Div, {build.apply(Op::BatchSum, {x}), build.input(Input::batch_size)});
}

// d mean(m * mean(m)) / dm_i = 2 mean(m) / n
TEST(Batch, GradientOfABatchValueIsSummedOverPairs) {
  ProgramBuilder build;
  NodeId margin = build.policyMargin();
  Program program = build.finish(build.apply(Op::Mul, {margin, batchMean(build, margin)}));
  Evaluation out = evaluate(program, margins({1, 2, 6}));
  EXPECT_DOUBLE_EQ(out.loss, 9);
  for (double gradient : chosenGradient(out))
    EXPECT_DOUBLE_EQ(gradient, 2.0);
  for (double gradient : rejectedGradient(out))
    EXPECT_DOUBLE_EQ(gradient, -2.0);
}

TEST(Batch, ABatchLossIsItsOwnMean) {
  ProgramBuilder build;
  Program program = build.finish(build.apply(Op::Exp, {batchMean(build, build.policyMargin())}));
  Evaluation out = evaluate(program, margins({0, 2}));
  EXPECT_DOUBLE_EQ(out.loss, std::exp(1));
  EXPECT_EQ(out.losses, std::vector<double>(2, out.loss));
  EXPECT_DOUBLE_EQ(chosenGradient(out)[1], std::exp(1) / 2);
}

TEST(Batch, OfNoPairsHasNoMean) {
  ProgramBuilder build;
  Evaluation out = evaluate(build.finish(build.policyMargin()), margins({}));
  EXPECT_TRUE(std::isnan(out.loss));
  EXPECT_TRUE(out.losses.empty());
  EXPECT_TRUE(chosenGradient(out).empty());
}

TEST(Batch, SizesMayChangeBetweenCalls) {
  ProgramBuilder build;
  Program program = build.finish(build.apply(Op::Exp, {build.policyMargin()}));
  Interpreter interpreter(program);
  Evaluation out;
  for (size_t pairs : {7, 1, 100, 2}) {
    Columns columns = margins(std::vector<double>(pairs, 1.0));
    interpreter.evaluate(batchOf(columns), {}, out);
    EXPECT_DOUBLE_EQ(out.loss, std::exp(1));
    ASSERT_EQ(chosenGradient(out).size(), pairs);
    EXPECT_DOUBLE_EQ(chosenGradient(out)[pairs - 1] * double(pairs), std::exp(1));
  }
}

TEST(Batch, SumsRepeatBitForBit) { // SPEC N4
  ProgramBuilder build;
  Program program = build.finish(batchMean(build, build.policyMargin()));
  std::vector<double> values;
  for (int i = 0; i < 1001; ++i)
    values.push_back(std::sin(i) * std::pow(10.0, i % 17));
  EXPECT_EQ(evaluate(program, margins(values)).loss, evaluate(program, margins(values)).loss);
}

TEST(Batch, RewardsAndMetrics) { // SPEC I6
  ProgramBuilder build;
  NodeId margin = build.policyMargin();
  Program program = build.finish(margin);
  program.chosenReward = build.input(Input::policy_chosen_logps);
  program.rejectedReward = build.apply(Op::Neg, {margin});
  program.metrics = {{"size", build.input(Input::batch_size)},
                     {"squared", build.apply(Op::Mul, {margin, margin})}};
  program.nodes = build.program().nodes;
  Evaluation out = evaluate(program, margins({1, 3}));
  EXPECT_EQ(out.chosenRewards, (std::vector<double>{1, 3}));
  EXPECT_EQ(out.rejectedRewards, (std::vector<double>{-1, -3}));
  EXPECT_EQ(out.metrics, (std::vector<double>{2, 5}));
}

TEST(Batch, InputsThatNothingReadsMayBeMissing) {
  ProgramBuilder build;
  Program program = build.finish(build.input(Input::policy_chosen_logps));
  Evaluation out = evaluate(program, {{Input::policy_chosen_logps, {4, 6}}});
  EXPECT_EQ(out.loss, 5);
  EXPECT_EQ(rejectedGradient(out), (std::vector<double>{0, 0}));
}

} // namespace
