// Every float32 engine against the double interpreter on every shipped objective: batch sizes that
// do and do not fill a vector, margins from 0 to 100 of both signs, and the exact ties of step 0.
#include "test/conformance/Engines.h"
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

/// A batch with the margins given, spread over the four log-probabilities; all numbers are
/// float32's.
Columns batchWith(size_t pairs, Margin margin) {
  Columns columns;
  for (size_t i = 0; i < pairs; ++i) {
    const double m = margin(i, pairs);
    const double referenceChosen = -150 + double(i % 17) * 4,
                 referenceRejected = -140 - double(i % 5) * 8;
    const double shift = m == 0 ? 0 : double(i % 7) - 3;
    const double values[] = {float(referenceChosen + m / 2 + shift),
                             float(referenceRejected - m / 2 + shift),
                             referenceChosen,
                             referenceRejected,
                             double(20 + i % 50),
                             double(70 - i % 50)};
    for (size_t k = 0; k < std::size(values); ++k)
      columns[k].push_back(values[k]);
  }
  return columns;
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
  const std::vector<NamedEngine> engines = float32Engines(program);
  const std::pair<const char *, Margin> kinds[] = {{"ties", tie},
                                                   {"margins in [-100, 100)", spread},
                                                   {"margins in (0, 100]", positive},
                                                   {"small margins", small},
                                                   {"some ties", everyThirdTied}};
  for (size_t pairs : {1, 2, 3, 7, 64, 1000})
    for (const auto &[kind, margin] : kinds)
      expectAgreement(GetParam() + ", " + std::to_string(pairs) + " pairs, " + kind, program,
                      engines, batchWith(pairs, margin), pairs);
}

TEST_P(Agreement, OnAnEmptyBatchTheLossIsNaN) {
  const dsl::Program program = shippedProgram(GetParam());
  for (const NamedEngine &named : float32Engines(program))
    EXPECT_TRUE(std::isnan(named.engine->evaluate({}, 0, program.defaultParameters()).loss))
        << named.name;
}

// A NaN is never lost: whatever engine, the mean is NaN, so that training stops.
TEST_P(Agreement, ANaNInTheBatchReachesTheMean) {
  const dsl::Program program = shippedProgram(GetParam());
  Columns columns = batchWith(7, small);
  columns[0][3] = std::numeric_limits<double>::quiet_NaN();
  for (const NamedEngine &named : float32Engines(program)) {
    const dsl::Evaluation out = named.engine->evaluate(columns, 7, program.defaultParameters());
    EXPECT_TRUE(std::isnan(out.loss)) << named.name << ": " << out.loss;
    EXPECT_TRUE(std::isnan(out.losses[3])) << named.name << ": " << out.losses[3];
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
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const dsl::Program program = dsl::randomProgram(seed, 1 + seed % 20, dsl::Vocabulary::All);
    const size_t pairs = 1 + seed % 19;
    const auto random = dsl::randomColumns(seed, pairs, seed % 3 ? 5 : 100);
    Columns columns;
    std::copy(random.begin(), random.end(), columns.begin());
    expectAgreement("random program " + std::to_string(seed), program, float32Engines(program),
                    columns, pairs);
  }
}

TEST(AgreementTally, MostBoundsSaySomething) {
  const dsl::Program program = shippedProgram("lrml");
  const Tally before = tally();
  expectAgreement("lrml", program, float32Engines(program), batchWith(64, small), 64);
  EXPECT_GE((tally().informative - before.informative) * 10,
            (tally().compared - before.compared) * 9);
}

} // namespace
