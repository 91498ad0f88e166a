// Every engine against the double interpreter on every shipped objective: batch sizes that
// do and do not fill a vector, margins from 0 to 100 of both signs, and the exact ties of step 0.
#include "test/conformance/Engines.h"
#if DISCO_WITH_COMPILER
#include "compiler/Compiler.h"
#include "trainer/Objective.h"
#endif
#include "test/unit/interpreter/RandomProgram.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>
#include <limits>

using namespace disco;
using namespace disco::conformance;

namespace {

class Agreement : public testing::TestWithParam<std::string> {};

using Margin = double (*)(size_t pair, size_t pairs);

/// A step with the margins given, spread over the four log-probabilities; tokens and data columns
/// are random. All numbers are float32's.
dsl::Step stepWith(const dsl::Program &program, size_t pairs, Margin margin) {
  dsl::Step step = dsl::randomStep(pairs, pairs, 1, program.columns.size());
  for (size_t i = 0; i < pairs; ++i) {
    const double m = margin(i, pairs);
    const double referenceChosen = -150 + double(i % 17) * 4,
                 referenceRejected = -140 - double(i % 5) * 8;
    const double shift = m == 0 ? 0 : double(i % 7) - 3;
    step.columns[dsl::Input::policy_chosen_logps][i] = float(referenceChosen + m / 2 + shift);
    step.columns[dsl::Input::policy_rejected_logps][i] = float(referenceRejected - m / 2 + shift);
    step.columns[dsl::Input::reference_chosen_logps][i] = referenceChosen;
    step.columns[dsl::Input::reference_rejected_logps][i] = referenceRejected;
    step.columns[dsl::Input::chosen_length][i] = double(20 + i % 50);
    step.columns[dsl::Input::rejected_length][i] = double(70 - i % 50);
  }
  return step;
}

double tie(size_t, size_t) { return 0; }
double spread(size_t pair, size_t pairs) { return 100 * (2 * double(pair) / double(pairs) - 1); }
double positive(size_t pair, size_t pairs) { return 100 * double(pair + 1) / double(pairs); }
double small(size_t pair, size_t pairs) { return std::sin(double(pair + 1)) * 3; }
double everyThirdTied(size_t pair, size_t pairs) {
  return pair % 3 == 0 ? 0 : small(pair, pairs) * 5;
}

TEST_P(Agreement, OfEnginesOnBatches) {
  const dsl::Program program = shippedProgram(GetParam());
  ASSERT_FALSE(program.nodes.empty());
  const std::vector<NamedEngine> engines = allEngines(program);
  const std::pair<const char *, Margin> kinds[] = {{"ties", tie},
                                                   {"margins in [-100, 100)", spread},
                                                   {"margins in (0, 100]", positive},
                                                   {"small margins", small},
                                                   {"some ties", everyThirdTied}};
  for (size_t pairs : {1, 2, 3, 7, 64, 1000})
    for (const auto &[kind, margin] : kinds)
      expectAgreement(GetParam() + ", " + std::to_string(pairs) + " pairs, " + kind, program,
                      engines, stepWith(program, pairs, margin), program.defaultParameters());
}

TEST_P(Agreement, OnAnEmptyBatchTheLossIsNaN) {
  const dsl::Program program = shippedProgram(GetParam());
  const dsl::Step none = dsl::randomStep(0, 0, 1, program.columns.size());
  for (const NamedEngine &named : float32Engines(program))
    EXPECT_TRUE(std::isnan(named.engine->evaluate(none, program.defaultParameters()).loss))
        << named.name;
}

// A NaN is never lost: whatever engine, the mean is NaN, so that training stops.
TEST_P(Agreement, ANaNInTheBatchReachesTheMean) {
  const dsl::Program program = shippedProgram(GetParam());
  dsl::Step step = stepWith(program, 7, small);
  for (const dsl::Node &node : program.nodes)
    if (node.op == dsl::Op::Input && node.hasGradient)
      step.columns[dsl::Input(node.index)][3] = std::numeric_limits<double>::quiet_NaN();
  for (const NamedEngine &named : float32Engines(program)) {
    const dsl::Evaluation out = named.engine->evaluate(step, program.defaultParameters());
    EXPECT_TRUE(std::isnan(out.loss)) << named.name << ": " << out.loss;
  }
}

std::vector<std::string> shippedNames() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(DISCO_OBJECTIVES))
    if (entry.path().extension() == ".dpo")
      names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Shipped, Agreement, testing::ValuesIn(shippedNames()),
                         [](const auto &test) { return test.param; });

// Programs nobody would write: every operation on operands of every extent.
TEST(AgreementRandom, Programs) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const dsl::Program program = dsl::randomProgram(
        seed, 1 + seed % 20, seed < 150 ? dsl::Vocabulary::Pairs : dsl::Vocabulary::All);
    expectAgreement(
        "random program " + std::to_string(seed), program, allEngines(program),
        dsl::randomStep(seed, 1 + seed % 19, seed % 3 ? 5 : 100, program.columns.size()),
        program.defaultParameters());
  }
}

// What each token of a pair would pass on, where it has none.
TEST(AgreementTokens, ANaNReachesNoInputThroughNoTokens) {
  const dsl::Program program = programOf("no-tokens.dpo", R"(objective no_tokens {
    loss = token_sum(chosen_token_kl - policy_rejected_logps) * sigmoid(policy_chosen_logps);
    reward chosen = 0;
    reward rejected = 0;
  })");
  dsl::Step step;
  step.pairs = 3;
  step.columns[dsl::Input::policy_chosen_logps] = {-1, NAN, -2};
  step.columns[dsl::Input::policy_rejected_logps] = {-3, -4, -5};
  step.columns[dsl::Input::chosen_token_kl] = {0.5, 0.25, 0.125};
  step.chosenOffsets = {0, 2, 2, 3};
  step.rejectedOffsets = {0, 0, 0, 0};
  expectAgreement("no tokens", program, allEngines(program), step, {});
}

#if DISCO_WITH_COMPILER
// Objective::gradient: inputs whose gradient is not wanted are empty.
TEST(AgreementSeam, AGradientThatNobodyWantsIsWrittenNowhere) {
  const dsl::Program program = programOf("x.dpo", "objective x { loss = softplus(-margin) + "
                                                  "token_sum(policy_chosen_token_logps); }");
  const std::unique_ptr<trainer::Objective> objective =
      trainer::compiledObjective(program, *compiler::Compiler().compileHost(program), {});
  const std::vector<float> numbers = {-1, -2, -3};
  const std::vector<size_t> offsets = {0, 2, 2, 3};
  trainer::ObjectiveInputs inputs;
  inputs.pairs = 3;
  inputs.columns.fill(numbers);
  inputs.chosenOffsets = inputs.rejectedOffsets = offsets;
  std::vector<float> chosen(3, 9);
  trainer::ObjectiveGradients gradients;
  gradients[size_t(dsl::Input::policy_chosen_logps)] = chosen;
  EXPECT_TRUE(std::isfinite(objective->gradient(inputs, gradients)));
  EXPECT_NEAR(chosen[2], -0.5 / 3, 1e-6);
}
#endif

TEST(AgreementTally, MostBoundsSaySomething) {
  const dsl::Program program = shippedProgram("lrml");
  const Tally before = tally();
  expectAgreement("lrml", program, float32Engines(program), stepWith(program, 64, small),
                  program.defaultParameters());
  EXPECT_GE((tally().informative - before.informative) * 10,
            (tally().compared - before.compared) * 9);
}

} // namespace
