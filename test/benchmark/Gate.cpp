#include "test/benchmark/Gate.h"

#include "dsl/Tolerance.h"
#include "test/unit/interpreter/RandomProgram.h"
#include "trainer/Objective.h"

#include <cstdio>
#include <cstdlib>

using namespace disco;

void benchmark::gate(const dsl::Program &program, const runtime::HostKernel &kernel) {
  const dsl::Step step = dsl::randomStep(1, 64, 1, program.columns.size());
  const std::vector<double> parameters = program.defaultParameters();
  dsl::Evaluation expected;
  dsl::ErrorBounds bounds;
  dsl::Interpreter(program).evaluateWithBounds(step.batch(), parameters, expected, bounds);
  const dsl::Evaluation actual =
      trainer::evaluate(*trainer::compiledObjective(program, kernel, parameters), step.batch());
  const auto check = [&](double value, double exact, double bound, const char *what) {
    if (dsl::tolerance::agrees(value, exact, bound))
      return;
    std::fprintf(stderr, "benchmark: error: the %s of `%s` is %g, the interpreter's %g +- %g\n",
                 what, program.name.c_str(), value, exact, bound);
    std::exit(1);
  };
  check(actual.loss, expected.loss, bounds.loss, "loss");
  for (size_t input = 0; input < dsl::kInputCount; ++input)
    for (size_t i = 0; i < expected.gradients[input].size(); ++i)
      check(actual.gradients[input].at(i), expected.gradients[input][i], bounds.gradients[input][i],
            "gradient");
}
