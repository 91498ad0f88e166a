// The shipped objectives as the interpreter sees them: gradients against central differences, and
// where float32 fails.
#include "dsl/Dsl.h"
#include "test/unit/interpreter/CentralDifference.h"
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/RandomProgram.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>

using namespace disco;
using namespace disco::dsl;

namespace {

std::vector<std::string> shippedNames() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(DISCO_OBJECTIVES))
    if (entry.path().extension() == ".dpo")
      names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

Program shipped(const std::string &name) {
  Result<Source> source = readSource(std::string(DISCO_OBJECTIVES) + "/" + name + ".dpo");
  Diagnostics found;
  std::optional<Program> program = compileSource(*source, found);
  EXPECT_TRUE(program) << renderDiagnostics(*source, found.sorted());
  return program ? *program : Program{};
}

class Shipped : public testing::TestWithParam<std::string> {};

TEST_P(Shipped, GradientMatchesCentralDifferences) {
  const Program program = shipped(GetParam());
  ASSERT_FALSE(program.nodes.empty());
  size_t compared = 0;
  for (size_t pairs : {1, 2, 3, 7}) {
    Step step = randomStep(pairs, pairs, 30, program.columns.size());
    // Away from the exact ties of a pair, of two pairs and of a mean, where a difference sees both
    // sides.
    for (size_t i = 0; i < pairs; ++i) {
      step.columns[Input::policy_chosen_logps][i] += 0.375 + 0.0625 * double(i);
      step.columns[Input::policy_rejected_logps][i] -= 0.1875 + 0.03125 * double(i);
    }
    Program frozen = program;
    if (!freezeDetached(frozen, step))
      GTEST_SKIP() << "a detached token value cannot be frozen; test/oracle has its gradient";
    Interpreter interpreter(frozen);
    Evaluation out;
    interpreter.evaluate(step.batch(), program.defaultParameters(), out);
    for (size_t input = 0; input < kInputCount; ++input)
      for (size_t i = 0; i < out.gradients[input].size(); ++i) {
        const Difference expected = centralDifference(interpreter, frozen, step, Input(input), i);
        const double scale = std::max(1.0, std::fabs(expected.slope));
        if (expected.uncertainty > 1e-3 * scale)
          continue; // a kink within the step
        EXPECT_NEAR(out.gradients[input][i], expected.slope,
                    1e-7 * scale + 4 * expected.uncertainty)
            << inputName(Input(input)) << "[" << i << "] of " << pairs << " pairs";
        ++compared;
      }
  }
  EXPECT_GE(compared, 20u);
}

INSTANTIATE_TEST_SUITE_P(Objectives, Shipped, testing::ValuesIn(shippedNames()),
                         [](const auto &test) { return test.param; });

/// Columns of one pair whose margin is `margin`.
Columns onePair(double margin) {
  return {{Input::policy_chosen_logps, {margin}},
          {Input::policy_rejected_logps, {0}},
          {Input::reference_chosen_logps, {0}},
          {Input::reference_rejected_logps, {0}}};
}

// exp(88.725) exceeds the largest float: with beta = tau = 0.05 that is margin -1774.5, where the
// modulation is 0 and the product 0 * inf.
TEST(ShippedFloat32, LrmlFirstFailsAtMargin1774AndAHalf) {
  const Program lrml = shipped("lrml");
  const auto isFinite = [&](double margin, Precision precision) {
    Evaluation out = evaluate(lrml, onePair(margin), precision);
    return std::isfinite(out.loss) && std::isfinite(chosenGradient(out)[0]);
  };
  for (double margin = 0; margin > -1774.4; margin -= 0.5)
    ASSERT_TRUE(isFinite(margin, Precision::Float32)) << margin;
  EXPECT_FALSE(isFinite(-1774.5, Precision::Float32));
  EXPECT_TRUE(isFinite(-1774.5, Precision::Double));
}

TEST(ShippedStepZero, DpoStartsAtLogTwo) {
  EXPECT_DOUBLE_EQ(evaluate(shipped("dpo"), onePair(0)).loss, std::log(2.0));
}

TEST(ShippedStepZero, EveryGradientIsFinite) {
  for (const std::string &name : shippedNames())
    for (size_t pairs : {1, 2, 5}) {
      const Program program = shipped(name);
      Step step = randomStep(pairs, pairs, 0, program.columns.size());
      for (auto [policy, reference] :
           {std::pair{Input::policy_chosen_logps, Input::reference_chosen_logps},
            {Input::policy_rejected_logps, Input::reference_rejected_logps}})
        step.columns[policy] = step.columns[reference] = std::vector<double>(pairs, -20.0);
      step.columns[Input::policy_chosen_token_logps] =
          step.columns[Input::reference_chosen_token_logps];
      step.columns[Input::policy_rejected_token_logps] =
          step.columns[Input::reference_rejected_token_logps];
      const Evaluation out = evaluate(program, step);
      EXPECT_TRUE(std::isfinite(out.loss)) << name;
      for (const std::vector<double> &gradients : out.gradients)
        for (double gradient : gradients)
          EXPECT_TRUE(std::isfinite(gradient)) << name;
    }
}

} // namespace
