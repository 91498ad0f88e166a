// Random objectives through every engine, and what they reach: a part of the campaign that
// README.md tells of.
#include "test/conformance/Differential.h"
#include "dsl/Interpreter.h"
#include "test/conformance/RandomObjective.h"

#include <cmath>
#include <gtest/gtest.h>
#include <map>

using namespace disco;
using namespace disco::conformance;

namespace {

constexpr uint64_t kObjectives = 2000, kShards = 20;

class Differential : public testing::TestWithParam<uint64_t> {};

TEST_P(Differential, AllEnginesAgree) {
  constexpr uint64_t kEach = kObjectives / kShards;
  size_t tried = 0;
  for (uint64_t seed = GetParam() * kEach; seed < (GetParam() + 1) * kEach; ++seed) {
    const Trial trial = tryObjective(seed);
    EXPECT_TRUE(trial.failure.empty()) << trial.failure;
    tried += trial.tried;
  }
  EXPECT_GT(tried, kEach / 2) << "most seeds give an objective, and most of these are compiled";
}

INSTANTIATE_TEST_SUITE_P(Shard, Differential, testing::Range(uint64_t{0}, kShards));

// Otherwise the comparisons above would be about less than they seem.
TEST(DifferentialReach, EveryConstructAndClassOfNumber) {
  std::map<std::string, size_t> reached;
  for (uint64_t seed = 0; seed < kObjectives; ++seed) {
    const std::optional<RandomObjective> objective = randomObjective(seed, fullSize(seed));
    if (!objective)
      continue;
    ++reached["an objective"];
    reached["read back from its text"] += objective->reread.has_value();
    const dsl::Program &program = objective->program;
    for (const dsl::Node &node : program.nodes)
      ++reached[node.op == dsl::Op::Input
                    ? "input " + std::string(dsl::inputName(dsl::Input(node.index)))
                    : "operation " + std::string(dsl::opMnemonic(node.op))];
    for (size_t kind = 0; kind < kSteps; ++kind) {
      const size_t pairs = pairsOfStep(seed, kind);
      if (pairs > 100) {
        ++reached["more than a chunk of pairs"];
        continue;
      }
      dsl::Evaluation out;
      dsl::Interpreter(program).evaluate(randomStepFor(program, seed, kind, pairs).batch(),
                                         randomParameters(program, seed, kind), out);
      ++reached[std::isnan(out.loss)   ? "a loss that is NaN"
                : std::isinf(out.loss) ? "a loss that is infinite"
                                       : "a finite loss"];
    }
  }
  std::map<std::string, size_t> least = {{"an objective", 1500},
                                         {"read back from its text", 1000},
                                         {"more than a chunk of pairs", 10},
                                         {"a loss that is NaN", 500},
                                         {"a loss that is infinite", 100},
                                         {"a finite loss", 2000}};
  for (size_t op = 0; op < dsl::kOpCount; ++op)
    if (dsl::Op(op) != dsl::Op::Input)
      least["operation " + std::string(dsl::opMnemonic(dsl::Op(op)))] = 10;
  for (size_t input = 0; input < dsl::kInputCount; ++input)
    least["input " + std::string(dsl::inputName(dsl::Input(input)))] = 10;
  for (const auto &[what, count] : least)
    EXPECT_GE(reached[what], count) << what;
}

} // namespace
