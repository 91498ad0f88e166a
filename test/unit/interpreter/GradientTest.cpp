// Gradients of random smooth programs against central differences.
#include "test/unit/interpreter/CentralDifference.h"
#include "test/unit/interpreter/RandomProgram.h"

#include <gtest/gtest.h>

using namespace disco::dsl;

namespace {

TEST(Gradient, RandomSmoothProgramsMatchCentralDifferences) {
  size_t compared = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    Program program = randomProgram(seed, 1 + seed % 12, Vocabulary::Smooth);
    Interpreter interpreter(program);
    const size_t pairs = 1 + seed % 4;
    auto columns = randomColumns(seed, pairs, 3);
    // A detached value varies under differences but not under the gradient: only programs without
    // one are comparable.
    bool detached = false;
    for (const Node &node : program.nodes)
      detached |= node.op == Op::Detach;
    if (detached)
      continue;
    Evaluation out;
    interpreter.evaluate(batchOf(columns), program.defaultParameters(), out);
    for (Input input : {Input::policy_chosen_logps, Input::policy_rejected_logps})
      for (size_t pair = 0; pair < pairs; ++pair) {
        const Difference expected = centralDifference(interpreter, program, columns, input, pair);
        const double scale = std::max(1.0, std::fabs(expected.slope));
        if (!(expected.uncertainty < 1e-4 * scale))
          continue; // a singularity near by
        const double actual = out.gradients[size_t(input)][pair];
        EXPECT_LE(std::fabs(actual - expected.slope), 1e-6 * scale + 4 * expected.uncertainty)
            << "seed " << seed << " " << inputName(input) << " pair " << pair << ": " << actual
            << " for " << expected.slope;
        ++compared;
      }
  }
  EXPECT_GE(compared, 500u);
}

} // namespace
