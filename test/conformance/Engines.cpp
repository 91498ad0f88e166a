#include "test/conformance/Engines.h"

#include "dsl/Dsl.h"
#include "dsl/Tolerance.h"
#if DISCO_WITH_COMPILER
#include "compiler/Compiler.h"
#include "runtime/KernelImage.h"
#include "trainer/Objective.h"
#endif

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <gtest/gtest.h>
#include <limits>
#include <list>
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

compiler::Compiler &sharedCompiler() {
  static compiler::Compiler compiler;
  return compiler;
}

/// A kernel called as it is, not through the seam of the trainer, which is float32's alone. Besides
/// its numbers it is asked whether what it says of them is so: the first pair that is not finite,
/// and equal bits when the chunks of a large batch are walked in another order.
template <typename Real> class KernelEngine final : public Engine {
public:
  KernelEngine(const dsl::Program &program, runtime::HostKernel kernel)
      : program_(program), kernel_(std::move(kernel)) {}

  dsl::Evaluation evaluate(const dsl::Step &step, const std::vector<double> &parameters) override {
    const dsl::Batch batch = step.batch();
    const runtime::Signature &signature = kernel_.signature;
    arrays_.clear();
    std::vector<const void *> inputs;
    for (const std::string &name : signature.inputs)
      inputs.push_back(arrayOf(batch, name));
    std::vector<Real> numbers(parameters.begin(), parameters.end());
    const std::vector<double> initial = dsl::initialStates(program_, parameters);
    const std::span<const double> states = batch.states.empty() ? initial : batch.states;
    numbers.insert(numbers.end(), states.begin(), states.end());
    numbers.push_back(Real(batch.progress));

    const auto pairs = int64_t(batch.pairs);
    const auto gradient = [&](runtime::ParallelFor parallel, Answer &answer) {
      std::vector<Real *> outputs;
      for (const std::string &name : signature.gradients)
        outputs.push_back(
            answer.gradients.emplace_back(batch.columns[inputNumber(name)].size()).data());
      answer.health = kernel_.gradient(inputs.data(), numbers.data(), pairs, &answer.loss,
                                       outputs.data(), parallel);
    };
    Answer answer, again;
    gradient(nullptr, answer);
    dsl::Evaluation out;
    out.loss = answer.loss;
    for (size_t g = 0; g < signature.gradients.size(); ++g)
      out.gradients[inputNumber(signature.gradients[g])].assign(answer.gradients[g].begin(),
                                                                answer.gradients[g].end());
    std::vector<Real> losses(batch.pairs), chosen(batch.pairs), rejected(batch.pairs),
        metrics(program_.metrics.size(), std::numeric_limits<Real>::quiet_NaN());
    Real *rewards[] = {chosen.data(), rejected.data()};
    kernel_.report(inputs.data(), numbers.data(), pairs, losses.data(), rewards, metrics.data());
    out.losses.assign(losses.begin(), losses.end());
    out.chosenRewards.assign(chosen.begin(), chosen.end());
    out.rejectedRewards.assign(rejected.begin(), rejected.end());
    out.metrics.assign(metrics.begin(), metrics.end());

    contradiction_.clear();
    const runtime::Health expected = healthOf(step, out);
    if (answer.health.flags != expected.flags || answer.health.firstPair != expected.firstPair)
      contradiction_ = "health " + text(answer.health) + " beside " + text(expected);
    if (pairs > runtime::Plan::kChunk) {
      gradient(backwards, again);
      if (!answer.sameBits(again))
        contradiction_ = "other bits when chunks are walked backwards";
    }
    return out;
  }

  std::string contradiction() const override { return contradiction_; }

private:
  struct Answer {
    Real loss = std::numeric_limits<Real>::quiet_NaN();
    std::vector<std::vector<Real>> gradients;
    runtime::Health health;
    bool sameBits(const Answer &other) const {
      bool same = std::memcmp(&loss, &other.loss, sizeof loss) == 0;
      for (size_t g = 0; g < gradients.size(); ++g)
        same &= std::memcmp(gradients[g].data(), other.gradients[g].data(),
                            gradients[g].size() * sizeof(Real)) == 0;
      return same && health.firstPair == other.health.firstPair;
    }
  };

  static size_t inputNumber(const std::string &name) { return size_t(*dsl::inputByName(name)); }
  static void backwards(int64_t count, void (*body)(void *data, int64_t i), void *data) {
    while (count-- > 0)
      body(data, count);
  }
  static std::string text(const runtime::Health &health) {
    return "{" + std::to_string(health.flags) + ", pair " + std::to_string(health.firstPair) + "}";
  }

  /// What the numbers themselves say.
  runtime::Health healthOf(const dsl::Step &step, const dsl::Evaluation &out) const {
    int64_t loss = -1, gradient = -1;
    for (size_t pair = step.pairs; pair-- > 0;) {
      if (!std::isfinite(out.losses[pair]))
        loss = int64_t(pair);
      for (const std::string &name : kernel_.signature.gradients) {
        const std::vector<double> &values = out.gradients[inputNumber(name)];
        const dsl::Extent extent = dsl::inputExtent(dsl::Input(inputNumber(name)));
        const std::vector<size_t> &offsets =
            extent == dsl::Extent::ChosenToken ? step.chosenOffsets : step.rejectedOffsets;
        const size_t begin = dsl::isToken(extent) ? offsets[pair] : pair,
                     end = dsl::isToken(extent) ? offsets[pair + 1] : pair + 1;
        for (size_t i = begin; i < end; ++i)
          if (!std::isfinite(values[i]))
            gradient = int64_t(pair);
      }
    }
    runtime::Health health;
    const bool meanIsBad = step.pairs > 0 && !std::isfinite(out.loss); // of finite losses, perhaps
    health.flags = (loss >= 0 || meanIsBad ? runtime::Health::NonFiniteLoss : 0u) |
                   (gradient >= 0 ? runtime::Health::NonFiniteGradient : 0u);
    health.firstPair = loss < 0 ? gradient : gradient < 0 ? loss : std::min(loss, gradient);
    return health;
  }

  const void *narrowed(std::span<const double> values) {
    return arrays_.emplace_back(values.begin(), values.end()).data();
  }
  const void *arrayOf(const dsl::Batch &batch, const std::string &name) {
    if (name == runtime::kChosenOffsets)
      return batch.chosenOffsets.data();
    if (name == runtime::kRejectedOffsets)
      return batch.rejectedOffsets.data();
    if (auto input = dsl::inputByName(name))
      return narrowed(batch.columns[size_t(*input)]);
    for (size_t i = 0; i < program_.columns.size(); ++i)
      if (program_.columns[i].name == name) {
        if (i < batch.dataColumns.size() && !batch.dataColumns[i].empty())
          return narrowed(batch.dataColumns[i]);
        return narrowed(std::vector<double>(batch.pairs, *program_.columns[i].defaultValue));
      }
    ADD_FAILURE() << "a kernel reads " << name;
    return nullptr;
  }

  const dsl::Program &program_;
  runtime::HostKernel kernel_;
  std::list<std::vector<Real>> arrays_;
  std::string contradiction_;
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

Result<std::vector<NamedEngine>> furtherEngines(const dsl::Program &program,
                                                const dsl::Program &reread, size_t variant) {
  std::vector<NamedEngine> engines;
  if (&reread != &program)
    engines.push_back({"interpreter-reread", std::make_unique<Float32Interpreter>(reread)});
#if DISCO_WITH_COMPILER
  const std::optional<runtime::Target> best = runtime::bestTarget();
  if (!best)
    return engines;
  for (runtime::Target target : runtime::kTargets) {
    if (target >= *best)
      continue;
    const dsl::Program &source = target == runtime::Target::Portable ? reread : program;
    Result<runtime::HostKernel> kernel = sharedCompiler().compileHost(source, {.target = target});
    if (!kernel)
      return kernel.error();
    engines.push_back({"host-kernel-" + std::string(runtime::targetName(target)),
                       std::make_unique<KernelEngine<float>>(source, *kernel)});
  }
  const auto target = runtime::Target(size_t(*best) - variant % (size_t(*best) + 1));
  Result<runtime::HostKernel> kernel =
      sharedCompiler().compileHost(program, {.target = target, .dtype = runtime::Dtype::Float64});
  if (!kernel)
    return kernel.error();
  // 2^-29 would be double's share of float32's unit; the interpreter has errors of its own there.
  engines.push_back({"host-kernel-float64-" + std::string(runtime::targetName(target)),
                     std::make_unique<KernelEngine<double>>(program, *kernel),
                     std::ldexp(1.0, -24)});
#endif
  return engines;
}

std::vector<NamedEngine> allEngines(const dsl::Program &program) {
  std::vector<NamedEngine> engines = float32Engines(program);
  Result<std::vector<NamedEngine>> further = furtherEngines(program, program);
  if (!further)
    ADD_FAILURE() << program.name << ": " << further.error().message;
  else
    std::move(further->begin(), further->end(), std::back_inserter(engines));
  return engines;
}

Tally &tally() {
  static Tally counts;
  return counts;
}

std::vector<std::string> disagreements(const dsl::Program &program,
                                       const std::vector<NamedEngine> &engines,
                                       const dsl::Step &step,
                                       const std::vector<double> &parameters) {
  std::vector<std::string> found;
  dsl::Evaluation exact;
  dsl::ErrorBounds bounds;
  dsl::Interpreter(program).evaluateWithBounds(step.batch(), parameters, exact, bounds);
  const bool nearKink = std::count(bounds.nearKink.begin(), bounds.nearKink.end(), true) > 0;
  for (const NamedEngine &named : engines) {
    const dsl::Evaluation actual = named.engine->evaluate(step, parameters);
    const auto add = [&](const std::string &what) { found.push_back(named.name + ", " + what); };
    const auto compare = [&](double value, double expected, double bound, std::string_view name,
                             size_t index) {
      // Which branch is taken near a kink is no matter of precision.
      bound *= nearKink ? 1 : named.share;
      if (!dsl::tolerance::agrees(value, expected, bound)) {
        std::ostringstream line;
        line.precision(std::numeric_limits<double>::max_digits10);
        line << name << " " << index << ": " << value << " for " << expected << " +- " << bound;
        add(line.str());
      }
      ++tally().compared;
      tally().informative += bound <= 1e-3 * std::fabs(expected) || bound < 1e-30;
    };
    const auto compareAll = [&](const std::vector<double> &values,
                                const std::vector<double> &expected,
                                const std::vector<double> &bound, std::string_view numbers) {
      if (values.size() != expected.size())
        return add(std::string(numbers) + ": " + std::to_string(values.size()) + " for " +
                   std::to_string(expected.size()));
      for (size_t i = 0; i < values.size(); ++i)
        compare(values[i], expected[i], bound[i], numbers, i);
    };
    compare(actual.loss, exact.loss, bounds.loss, "mean loss", 0);
    compareAll(actual.losses, exact.losses, bounds.losses, "losses");
    compareAll(actual.chosenRewards, exact.chosenRewards, bounds.chosenRewards, "chosen rewards");
    compareAll(actual.rejectedRewards, exact.rejectedRewards, bounds.rejectedRewards,
               "rejected rewards");
    compareAll(actual.metrics, exact.metrics, bounds.metrics, "metrics");
    for (size_t k = 0; k < dsl::kInputCount; ++k)
      if (!actual.gradients[k].empty())
        compareAll(actual.gradients[k], exact.gradients[k], bounds.gradients[k],
                   "gradient of " + std::string(dsl::inputName(dsl::Input(k))));
    // Every engine that gives the states after the step computes them in double.
    if (!actual.next.empty() &&
        !std::equal(actual.next.begin(), actual.next.end(), exact.next.begin(), exact.next.end(),
                    [](double a, double b) { return a == b || (a != a && b != b); }))
      add("next");
    if (std::string contradiction = named.engine->contradiction(); !contradiction.empty())
      add(contradiction);
  }
  return found;
}

void expectAgreement(const std::string &what, const dsl::Program &program,
                     const std::vector<NamedEngine> &engines, const dsl::Step &step,
                     const std::vector<double> &parameters) {
  for (const std::string &found : disagreements(program, engines, step, parameters))
    ADD_FAILURE() << what << ", " << found;
}

dsl::Program shippedProgram(const std::string &name) {
  return compiled(dsl::readSource(std::string(DISCO_OBJECTIVES) + "/" + name + ".dpo"));
}

dsl::Program programOf(const std::string &name, const std::string &text) {
  return compiled(Source(name, text));
}

} // namespace disco::conformance
