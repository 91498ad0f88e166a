// The interpreter behind the trainer's seam: float32 columns in, the double result rounded out.
#include "trainer/Objective.h"

#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/ProgramBuilder.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace disco;
using namespace disco::dsl;

namespace {

/// exp(beta * policy margin), with the margin as metric and as reward of the chosen side.
Program exponential() {
  ProgramBuilder build;
  NodeId margin = build.policyMargin();
  NodeId z = build.apply(Op::Mul, {build.parameter("beta", 0.5), margin});
  Program program = build.finish(build.apply(Op::Exp, {z}));
  program.chosenReward = margin;
  program.metrics = {{"margin", margin}};
  return program;
}

TEST(InterpretedObjective, GivesLossGradientAndReport) {
  auto objective = trainer::interpretedObjective(exponential(), {2.0});
  const std::vector<float> chosen_B{0.0f, 0.5f}, rejected_B{0.0f, 0.0f};
  trainer::ObjectiveInputs inputs;
  inputs.pairs = 2;
  inputs.columns[size_t(Input::policy_chosen_logps)] = chosen_B;
  inputs.columns[size_t(Input::policy_rejected_logps)] = rejected_B;
  std::vector<float> dChosen_B(2), dRejected_B(2);
  trainer::ObjectiveGradients gradients;
  gradients[size_t(Input::policy_chosen_logps)] = dChosen_B;
  gradients[size_t(Input::policy_rejected_logps)] = dRejected_B;
  EXPECT_FLOAT_EQ(objective->gradient(inputs, gradients), float((1 + std::exp(1)) / 2));
  EXPECT_FLOAT_EQ(dChosen_B[0], 1);
  EXPECT_FLOAT_EQ(dChosen_B[1], float(std::exp(1)));
  EXPECT_FLOAT_EQ(dRejected_B[1], -float(std::exp(1)));

  trainer::ObjectiveReport report;
  objective->report(inputs, report);
  EXPECT_FLOAT_EQ(report.losses[1], float(std::exp(1)));
  EXPECT_EQ(report.chosenRewards, (std::vector<float>{0, 0.5f}));
  EXPECT_EQ(report.rejectedRewards, (std::vector<float>{0, 0}));
  EXPECT_EQ(report.metrics, (std::vector<float>{0.25f}));
  EXPECT_EQ(objective->parameters()[0], 2.0);
}

TEST(InterpretedObjective, OfNoPairsIsNaN) {
  auto objective = trainer::interpretedObjective(exponential(), {2.0});
  EXPECT_TRUE(std::isnan(objective->gradient({}, {})));
  trainer::ObjectiveReport report;
  objective->report({}, report);
  EXPECT_TRUE(report.losses.empty());
  EXPECT_TRUE(std::isnan(report.metrics[0]));
}

} // namespace
