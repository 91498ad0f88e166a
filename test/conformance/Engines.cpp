#include "test/conformance/Engines.h"

#include "dsl/Dsl.h"
#include "dsl/Tolerance.h"
#if DISCO_WITH_COMPILER
#include "compiler/Compiler.h"
#include "trainer/Objective.h"
#endif

#include <gtest/gtest.h>

namespace disco::conformance {

namespace {

class Float32Interpreter final : public Engine {
public:
  explicit Float32Interpreter(const dsl::Program &program) : interpreter_(program) {}
  dsl::Evaluation evaluate(const Columns &columns, size_t pairs,
                           const std::vector<double> &parameters) override {
    dsl::Evaluation out;
    interpreter_.evaluate(batchOf(columns, pairs), parameters, out, dsl::Precision::Float32);
    return out;
  }

private:
  dsl::Interpreter interpreter_;
};

#if DISCO_WITH_COMPILER

std::vector<double> widened(const std::vector<float> &values) {
  return std::vector<double>(values.begin(), values.end());
}

class HostEngine final : public Engine {
public:
  HostEngine(const dsl::Program &program, runtime::HostKernel kernel)
      : program_(program), kernel_(std::move(kernel)) {}
  dsl::Evaluation evaluate(const Columns &columns, size_t pairs,
                           const std::vector<double> &parameters) override {
    std::array<std::vector<float>, dsl::kInputCount> narrow;
    trainer::ObjectiveInputs inputs{.pairs = pairs};
    for (size_t i = 0; i < dsl::kInputCount; ++i) {
      narrow[i].assign(columns[i].begin(), columns[i].end());
      inputs.columns[i] = narrow[i];
    }
    auto objective = trainer::compiledObjective(program_, kernel_, parameters);
    std::vector<float> chosen_B(pairs), rejected_B(pairs);
    dsl::Evaluation out;
    trainer::ObjectiveGradients gradients;
    gradients[size_t(dsl::Input::policy_chosen_logps)] = chosen_B;
    gradients[size_t(dsl::Input::policy_rejected_logps)] = rejected_B;
    out.loss = objective->gradient(inputs, gradients);
    out.gradients[size_t(dsl::Input::policy_chosen_logps)] = widened(chosen_B);
    out.gradients[size_t(dsl::Input::policy_rejected_logps)] = widened(rejected_B);
    trainer::ObjectiveReport report;
    objective->report(inputs, report);
    out.losses = widened(report.losses);
    return out;
  }

private:
  const dsl::Program &program_;
  runtime::HostKernel kernel_;
};

#endif

dsl::Program compiled(const Result<Source> &source) {
  if (!source) {
    ADD_FAILURE() << source.error().message;
    return {};
  }
  Diagnostics found;
  std::optional<dsl::Program> program = dsl::compileSource(*source, found);
  if (!program) {
    ADD_FAILURE() << renderDiagnostics(*source, found.sorted());
    return {};
  }
  return *program;
}

} // namespace

std::vector<NamedEngine> float32Engines(const dsl::Program &program) {
  std::vector<NamedEngine> engines;
  engines.push_back({"interpreter in float32", std::make_unique<Float32Interpreter>(program)});
#if DISCO_WITH_COMPILER
  static compiler::Compiler compiler;
  Result<runtime::HostKernel> kernel = compiler.compileHost(program);
  if (kernel)
    engines.push_back({"host kernel", std::make_unique<HostEngine>(program, *kernel)});
  else
    ADD_FAILURE() << program.name << ": " << kernel.error().message;
#endif
  return engines;
}

Tally &tally() {
  static Tally counts;
  return counts;
}

dsl::Batch batchOf(const Columns &columns, size_t pairs) {
  dsl::Batch batch;
  batch.pairs = pairs;
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    batch.columns[i] = columns[i];
  return batch;
}

void expectAgreement(const std::string &what, const dsl::Program &program,
                     const std::vector<NamedEngine> &engines, const Columns &columns,
                     size_t pairs) {
  const std::vector<double> parameters = program.defaultParameters();
  dsl::Evaluation exact;
  dsl::ErrorBounds bounds;
  dsl::Interpreter(program).evaluateWithBounds(batchOf(columns, pairs), parameters, exact, bounds);
  for (const NamedEngine &named : engines) {
    const dsl::Evaluation actual = named.engine->evaluate(columns, pairs, parameters);
    const auto expectNear = [&](double value, double expected, double bound,
                                const std::string &number) {
      EXPECT_TRUE(dsl::tolerance::agrees(value, expected, bound))
          << what << ", " << named.name << ", " << number << ": " << value << " for " << expected
          << " +- " << bound;
      ++tally().compared;
      tally().informative += bound <= 1e-3 * std::fabs(expected) || bound < 1e-30;
    };
    expectNear(actual.loss, exact.loss, bounds.loss, "mean loss");
    for (size_t i = 0; i < pairs; ++i) {
      const std::string pair = "[" + std::to_string(i) + "]";
      expectNear(actual.losses[i], exact.losses[i], bounds.losses[i], "losses" + pair);
      for (size_t k = 0; k < dsl::kInputCount; ++k)
        if (i < exact.gradients[k].size())
          expectNear(actual.gradients[k][i], exact.gradients[k][i], bounds.gradients[k][i],
                     "gradient of " + std::string(dsl::inputName(dsl::Input(k))) + pair);
    }
  }
}

dsl::Program shippedProgram(const std::string &name) {
  return compiled(dsl::readSource(std::string(DISCO_OBJECTIVES) + "/" + name + ".dpo"));
}

dsl::Program programOf(const std::string &loss) {
  return compiled(Source("case.dpo", "objective case_ {\n  loss = " + loss + ";\n}\n"));
}

} // namespace disco::conformance
