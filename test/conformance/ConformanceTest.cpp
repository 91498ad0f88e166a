// Every case of cases.json through every engine: values and gradients that were computed without
// any of our code.
#include "dsl/Tolerance.h"
#include "test/conformance/Engines.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace disco;
using namespace disco::conformance;
using nlohmann::json;

namespace {

json readCases() {
  std::ifstream file(DISCO_CONFORMANCE "/cases.json");
  return json::parse(file);
}

dsl::Step stepOf(const json &batch) {
  dsl::Step step;
  for (const auto &[name, values] : batch.items())
    step.columns[*dsl::inputByName(name)] = values.get<std::vector<double>>();
  step.pairs = step.columns.begin()->second.size();
  return step;
}

/// The double interpreter against the formula: relative 1e-12, and double's share of the float32
/// bound, which says how far rounding is amplified by cancellation.
void expectExact(const std::string &what, double actual, double expected, double bound) {
  const double share = std::isfinite(bound) ? bound * 0x1p-29 : 0;
  EXPECT_LE(std::fabs(actual - expected), 1e-12 * std::fabs(expected) + share)
      << what << ": " << actual << " for " << expected;
}

TEST(Conformance, EveryCaseInEveryEngine) {
  const json cases = readCases();
  ASSERT_GE(cases.size(), 100u);
  for (const json &test : cases) {
    const std::string name = test["name"];
    SCOPED_TRACE(name);
    const dsl::Program program =
        test.contains("shipped")
            ? shippedProgram(test["shipped"])
            : programOf("case.dpo", "objective case_ {\n  loss = " +
                                        test["loss"].get<std::string>() + ";\n}\n");
    if (program.nodes.empty())
      continue;
    const dsl::Step step = stepOf(test["batch"]);
    const size_t pairs = step.pairs;
    const json &expected = test["expected"];

    dsl::Evaluation exact;
    dsl::ErrorBounds bounds;
    dsl::Interpreter(program).evaluateWithBounds(step.batch(), program.defaultParameters(), exact,
                                                 bounds);
    expectExact("mean loss", exact.loss, expected["loss"], bounds.loss);
    for (size_t i = 0; i < pairs; ++i) {
      expectExact("losses", exact.losses[i], expected["losses"][i], bounds.losses[i]);
      for (const auto &[input, gradient] : expected["gradients"].items()) {
        const size_t k = size_t(*dsl::inputByName(input));
        expectExact("gradient of " + input, exact.gradients[k][i], gradient[i],
                    bounds.gradients[k][i]);
      }
    }
    expectAgreement(name, program, float32Engines(program), step, program.defaultParameters());
  }
}

} // namespace
