// Every value case through every engine: losses, gradients, metrics and the states after each step,
// which were computed without any of our code.
#include "dsl/Dsl.h"
#include "dsl/Tolerance.h"
#include "test/conformance/Cases.h"
#include "test/conformance/Engines.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace disco;
using namespace disco::conformance;
using nlohmann::json;

namespace {

/// The double interpreter against the formula: relative 1e-12, and double's share of the float32
/// bound, which says how far rounding is amplified by cancellation.
void expectExact(const std::string &what, double actual, double expected, double bound) {
  if (!std::isfinite(expected)) {
    EXPECT_TRUE(actual == expected || (std::isnan(actual) && std::isnan(expected)))
        << what << ": " << actual << " for " << expected;
    return;
  }
  const double share = std::isfinite(bound) ? bound * 0x1p-29 : 0;
  EXPECT_LE(std::fabs(actual - expected), 1e-12 * std::fabs(expected) + share)
      << what << ": " << actual << " for " << expected;
}

void expectAllExact(const std::string &what, const std::vector<double> &actual,
                    const std::vector<double> &expected, const std::vector<double> &bounds) {
  ASSERT_EQ(actual.size(), expected.size()) << what;
  for (size_t i = 0; i < actual.size(); ++i)
    expectExact(what + "[" + std::to_string(i) + "]", actual[i], expected[i], bounds[i]);
}

void expectExact(const json &expected, const dsl::Evaluation &exact,
                 const dsl::ErrorBounds &bounds) {
  expectExact("mean loss", exact.loss, numberOf(expected["loss"]), bounds.loss);
  expectAllExact("losses", exact.losses, numbersOf(expected["losses"]), bounds.losses);
  const json gradients = expected.value("gradients", json::object());
  for (const auto &[name, gradient] : gradients.items()) {
    const size_t k = size_t(*dsl::inputByName(name));
    expectAllExact("gradient of " + name, exact.gradients[k], numbersOf(gradient),
                   bounds.gradients[k]);
  }
  if (expected.contains("metrics"))
    expectAllExact("metrics", exact.metrics, numbersOf(expected["metrics"]), bounds.metrics);
  if (expected.contains("next"))
    expectAllExact("next", exact.next, numbersOf(expected["next"]), bounds.next);
}

class Values : public testing::TestWithParam<std::string> {};

TEST_P(Values, InEveryEngine) {
  for (const json &test : readCases(GetParam())) {
    SCOPED_TRACE(GetParam() + "/" + test["name"].get<std::string>());
    const dsl::Program program = test.contains("shipped") ? shippedProgram(test["shipped"])
                                                          : programOf("case.dpo", test["text"]);
    if (program.nodes.empty())
      continue;
    const std::vector<NamedEngine> engines = float32Engines(program);
    const std::vector<double> parameters = program.defaultParameters();
    dsl::Interpreter interpreter(program);
    std::vector<double> states = initialStates(program, parameters);
    for (const json &each : test["steps"]) {
      dsl::Step step = stepOf(each["batch"], program);
      step.states = states;
      dsl::Evaluation exact;
      dsl::ErrorBounds bounds;
      interpreter.evaluateWithBounds(step.batch(), parameters, exact, bounds);
      expectExact(each["expected"], exact, bounds);
      expectAgreement(test["name"], program, engines, step, parameters);
      states = exact.next;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Topics, Values,
                         testing::Values("conditions", "constructs", "functions", "kinks",
                                         "nonfinite", "operators", "random", "reductions",
                                         "shipped", "state", "tokens"),
                         [](const auto &test) { return test.param; });

TEST(Cases, AreAtLeastFifteenHundred) {
  size_t count = 0;
  for (const std::string &topic : topics())
    count += readCases(topic).size();
  EXPECT_GE(count, 1500u);
}

/// One program for each construct that an engine may be excused from.
const std::pair<const char *, const char *> kConstructs[] = {
    {"column", "column w; loss = w * margin;"},
    {"state", "state q = 0; next q = 1; loss = margin - q;"},
    {"progress", "loss = progress * margin;"},
    {"token_sum", "loss = margin + token_sum(policy_chosen_token_logps);"},
    {"batch_max", "loss = margin * batch_max(margin);"},
    {"batch_sort", "loss = batch_sort(margin);"},
    {"batch_quantile", "loss = margin - batch_quantile(margin, 0.5);"}};

// A skip that nothing needs hides what it was for. In the same process, whatever runs with it.
TEST(Skips, AreAllNeeded) {
  for (const auto &[construct, items] : kConstructs)
    float32Engines(programOf("skip.dpo", std::string("objective o { ") + items + " }"));
  for (const Skip &skip : unneededSkips())
    ADD_FAILURE() << "skips.txt: " << skip.engine << " does not need to be excused from "
                  << skip.construct;
}

} // namespace
