#include "test/conformance/Engines.h"

#include "dsl/Dsl.h"
#include "dsl/Tolerance.h"
#if DISCO_WITH_COMPILER
#include "compiler/Compiler.h"
#include "runtime/KernelImage.h"
#include "trainer/EvaluateInDouble.h"
#include "trainer/Objective.h"
#endif

#include <algorithm>
#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace disco::conformance {

namespace {

constexpr const char *kHostKernel = "host-kernel";

class Float32Interpreter final : public Engine {
public:
  explicit Float32Interpreter(const dsl::Program &program) : interpreter_(program) {}
  dsl::Evaluation evaluate(const dsl::Step &step, const std::vector<double> &parameters) override {
    dsl::Evaluation out;
    interpreter_.evaluate(step.batch(), parameters, out, dsl::Precision::Float32);
    return out;
  }

private:
  dsl::Interpreter interpreter_;
};

#if DISCO_WITH_COMPILER

class HostEngine final : public Engine {
public:
  HostEngine(const dsl::Program &program, runtime::HostKernel kernel)
      : program_(program), kernel_(std::move(kernel)) {}
  dsl::Evaluation evaluate(const dsl::Step &step, const std::vector<double> &parameters) override {
    return trainer::evaluate(*trainer::compiledObjective(program_, kernel_, parameters),
                             step.batch());
  }

private:
  const dsl::Program &program_;
  runtime::HostKernel kernel_;
};

/// A kernel of doubles: the seam of the trainer is float32.
class Float64Engine final : public Engine {
public:
  Float64Engine(const dsl::Program &program, runtime::HostKernel kernel)
      : program_(program), kernel_(std::move(kernel)) {}
  dsl::Evaluation evaluate(const dsl::Step &step, const std::vector<double> &parameters) override {
    return trainer::evaluateInDouble(program_, kernel_, step.batch(), parameters);
  }

private:
  const dsl::Program &program_;
  runtime::HostKernel kernel_;
};

compiler::Compiler &sharedCompiler() {
  static compiler::Compiler compiler;
  return compiler;
}

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

/// Skips that were needed.
std::set<std::string> &needed() {
  static std::set<std::string> constructs;
  return constructs;
}

} // namespace

const std::vector<Skip> &skips() {
  static const std::vector<Skip> all = [] {
    std::vector<Skip> read;
    std::ifstream file(DISCO_CONFORMANCE "/skips.txt");
    for (std::string line; std::getline(file, line);) {
      if (line.empty() || line.front() == '#')
        continue;
      std::istringstream words(line);
      Skip skip;
      words >> skip.engine >> skip.construct >> std::ws;
      std::getline(words, skip.reason);
      EXPECT_FALSE(skip.reason.empty()) << "skips.txt: no reason: " << line;
      read.push_back(skip);
    }
    return read;
  }();
  return all;
}

std::set<std::string> excused(const dsl::Program &program, const std::string &engine) {
  std::set<std::string> used, found;
  for (const dsl::Node &node : program.nodes)
    used.emplace(node.op == dsl::Op::Input ? dsl::inputName(dsl::Input(node.index))
                                           : dsl::opMnemonic(node.op));
  for (const Skip &skip : skips())
    if (skip.engine == engine && used.count(skip.construct))
      found.insert(skip.construct);
  return found;
}

std::vector<Skip> unneededSkips() {
  std::vector<Skip> unneeded;
  for (const Skip &skip : skips())
    if (DISCO_WITH_COMPILER && !needed().count(skip.construct))
      unneeded.push_back(skip);
  return unneeded;
}

std::vector<NamedEngine> float32Engines(const dsl::Program &program) {
  std::vector<NamedEngine> engines;
  engines.push_back({"interpreter-float32", std::make_unique<Float32Interpreter>(program)});
#if DISCO_WITH_COMPILER
  const std::set<std::string> lacking = excused(program, kHostKernel);
  if (lacking.size() > 1)
    return engines;
  Result<runtime::HostKernel> kernel = sharedCompiler().compileHost(program);
  if (kernel)
    engines.push_back({kHostKernel, std::make_unique<HostEngine>(program, *kernel)});
  else if (lacking.empty())
    ADD_FAILURE() << program.name << ": " << kernel.error().message;
  else
    needed().insert(*lacking.begin());
#endif
  return engines;
}

std::vector<NamedEngine> allEngines(const dsl::Program &program) {
  std::vector<NamedEngine> engines = float32Engines(program);
#if DISCO_WITH_COMPILER
  const std::optional<runtime::Target> best = runtime::bestTarget();
  for (runtime::Target target : runtime::kTargets) {
    if (!best || target >= *best)
      continue;
    Result<runtime::HostKernel> kernel = sharedCompiler().compileHost(program, {.target = target});
    if (kernel)
      engines.push_back({"host-kernel-" + std::string(runtime::targetName(target)),
                         std::make_unique<HostEngine>(program, *kernel)});
    else
      ADD_FAILURE() << program.name << ": " << kernel.error().message;
  }
  Result<runtime::HostKernel> kernel =
      sharedCompiler().compileHost(program, {.dtype = runtime::Dtype::Float64});
  if (kernel)
    engines.push_back({"host-kernel-float64", std::make_unique<Float64Engine>(program, *kernel),
                       dsl::tolerance::float64Share});
  else
    ADD_FAILURE() << program.name << ": " << kernel.error().message;
#endif
  return engines;
}

Tally &tally() {
  static Tally counts;
  return counts;
}

void expectAgreement(const std::string &what, const dsl::Program &program,
                     const std::vector<NamedEngine> &engines, const dsl::Step &step,
                     const std::vector<double> &parameters) {
  dsl::Evaluation exact;
  dsl::ErrorBounds bounds;
  dsl::Interpreter(program).evaluateWithBounds(step.batch(), parameters, exact, bounds);
  for (const NamedEngine &named : engines) {
    const dsl::Evaluation actual = named.engine->evaluate(step, parameters);
    const auto expectNear = [&](double value, double expected, double bound,
                                const std::string &number) {
      bound *= named.share;
      EXPECT_TRUE(dsl::tolerance::agrees(value, expected, bound))
          << what << ", " << named.name << ", " << number << ": " << value << " for " << expected
          << " +- " << bound;
      ++tally().compared;
      tally().informative += bound <= 1e-3 * std::fabs(expected) || bound < 1e-30;
    };
    const auto expectAllNear = [&](const std::vector<double> &values,
                                   const std::vector<double> &expected,
                                   const std::vector<double> &bound, const std::string &numbers) {
      ASSERT_EQ(values.size(), expected.size()) << what << ", " << named.name << ", " << numbers;
      for (size_t i = 0; i < values.size(); ++i)
        expectNear(values[i], expected[i], bound[i], numbers + "[" + std::to_string(i) + "]");
    };
    expectNear(actual.loss, exact.loss, bounds.loss, "mean loss");
    expectAllNear(actual.losses, exact.losses, bounds.losses, "losses");
    expectAllNear(actual.chosenRewards, exact.chosenRewards, bounds.chosenRewards,
                  "chosen rewards");
    expectAllNear(actual.rejectedRewards, exact.rejectedRewards, bounds.rejectedRewards,
                  "rejected rewards");
    expectAllNear(actual.metrics, exact.metrics, bounds.metrics, "metrics");
    for (size_t k = 0; k < dsl::kInputCount; ++k)
      if (!actual.gradients[k].empty())
        expectAllNear(actual.gradients[k], exact.gradients[k], bounds.gradients[k],
                      "gradient of " + std::string(dsl::inputName(dsl::Input(k))));
    // Every engine that gives the states after the step computes them in double.
    EXPECT_TRUE(actual.next.empty() ||
                std::equal(actual.next.begin(), actual.next.end(), exact.next.begin(),
                           exact.next.end(),
                           [](double a, double b) { return a == b || (a != a && b != b); }))
        << what << ", " << named.name << ", next";
  }
}

dsl::Program shippedProgram(const std::string &name) {
  return compiled(dsl::readSource(std::string(DISCO_OBJECTIVES) + "/" + name + ".dpo"));
}

dsl::Program programOf(const std::string &name, const std::string &text) {
  return compiled(Source(name, text));
}

} // namespace disco::conformance
