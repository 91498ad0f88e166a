// Gradients of random smooth programs against central differences.
#include "test/unit/interpreter/CentralDifference.h"
#include "test/unit/interpreter/RandomProgram.h"

#include <gtest/gtest.h>

using namespace disco::dsl;

namespace {

TEST(Gradient, RandomSmoothProgramsMatchCentralDifferences) {
  size_t compared = 0, ofTokens = 0;
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    Program program = randomProgram(seed, 1 + seed % 12, Vocabulary::Smooth);
    Step step = randomStep(seed, 1 + seed % 4, 3, program.columns.size());
    step.columns[Input::policy_chosen_logps][0] += 0.375; // off the tie, where order may change
    if (!freezeDetached(program, step))
      continue;
    Interpreter interpreter(program);
    Evaluation out;
    interpreter.evaluate(step.batch(), program.defaultParameters(), out);
    for (size_t input = 0; input < kInputCount; ++input)
      for (size_t i = 0; i < out.gradients[input].size(); ++i) {
        const Difference expected = centralDifference(interpreter, program, step, Input(input), i);
        const double scale = std::max(1.0, std::fabs(expected.slope));
        if (!(expected.uncertainty < 1e-4 * scale))
          continue; // a singularity or a change of order near by
        const double actual = out.gradients[input][i];
        EXPECT_LE(std::fabs(actual - expected.slope), 1e-6 * scale + 4 * expected.uncertainty)
            << "seed " << seed << " " << inputName(Input(input)) << "[" << i << "]: " << actual
            << " for " << expected.slope;
        ++compared;
        ofTokens += isToken(inputExtent(Input(input))) && expected.slope != 0;
      }
  }
  EXPECT_GE(compared, 5000u);
  EXPECT_GE(ofTokens, 500u);
}

} // namespace
