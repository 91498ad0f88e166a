// Objectives through autograd in C++, forward and backward, one thread: the compiled kernel against
// eager LibTorch on the same tensors. Peers alternate round by round in one process; the ratio is
// the median of the per-round ratios. Before anything is timed, both are held to the interpreter:
// the kernel to SPEC's bounds, eager to 1e-3, which tells one formula from another. One JSON line
// per objective and batch size.
#include "compiler/Compiler.h"
#include "dsl/Dsl.h"
#include "dsl/Tolerance.h"
#include "test/benchmark/EagerObjectives.h"
#include "trainer/ObjectiveFunction.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>

using namespace disco;
using at::Tensor;

namespace {
constexpr int kRounds = 25;
constexpr double kRoundSeconds = 0.01;
constexpr int64_t kSizes[] = {2, 8, 64, 1024, 16384, 1 << 20};

[[noreturn]] void fail(const std::string &message) {
  std::fprintf(stderr, "bench-objective: error: %s\n", message.c_str());
  std::exit(1);
}

/// Log-probabilities of about the size that 50 tokens give; margins of a policy some way from its
/// reference.
struct Columns {
  std::array<std::vector<float>, dsl::kInputCount> values;
  explicit Columns(int64_t pairs) {
    std::mt19937 random(7);
    std::normal_distribution<float> reference(-120, 25), drift(0, 6);
    std::uniform_int_distribution<int> length(5, 100);
    auto column = [&](dsl::Input input) -> std::vector<float> & { return values[size_t(input)]; };
    for (int64_t i = 0; i < pairs; ++i) {
      column(dsl::Input::reference_chosen_logps).push_back(reference(random));
      column(dsl::Input::reference_rejected_logps).push_back(reference(random));
      column(dsl::Input::policy_chosen_logps)
          .push_back(column(dsl::Input::reference_chosen_logps).back() + drift(random));
      column(dsl::Input::policy_rejected_logps)
          .push_back(column(dsl::Input::reference_rejected_logps).back() + drift(random));
      column(dsl::Input::chosen_length).push_back(float(length(random)));
      column(dsl::Input::rejected_length).push_back(float(length(random)));
    }
  }
  Tensor tensor(dsl::Input input) const {
    return at::tensor(values[size_t(input)]).set_requires_grad(dsl::inputHasGradient(input));
  }
};

struct Case {
  dsl::Program program;
  std::vector<double> parameters;
  trainer::ObjectiveKernel kernel;
  eager::Objective peer;
  eager::Parameters peerParameters;
};

Case load(compiler::Compiler &compiler, const std::string &name) {
  auto source = dsl::readSource(DISCO_SOURCE_DIR "/grammars/objectives/" + name + ".dpo");
  if (!source)
    fail(source.error().message);
  Diagnostics found;
  auto program = dsl::compileSource(*source, found);
  if (!program)
    fail(renderDiagnostics(*source, found.sorted()));
  auto kernel = compiler.compileHost(*program);
  if (!kernel)
    fail(kernel.error().message);
  const std::vector<double> parameters = program->defaultParameters();
  eager::Parameters named;
  for (size_t i = 0; i < parameters.size(); ++i)
    named[program->parameters[i].name] = parameters[i];
  return {*program, parameters, trainer::ObjectiveKernel(*kernel, parameters),
          eager::objectives().at(name), named};
}

using Step = std::function<std::vector<Tensor>()>; // loss, then its two gradients

/// Whether a step's numbers are the interpreter's, each within its bound.
void check(const Case &test, const Columns &columns, int64_t pairs, const Step &ours,
           const Step &theirs) {
  std::array<std::vector<double>, dsl::kInputCount> exact;
  dsl::Batch batch;
  batch.pairs = size_t(pairs);
  for (size_t i = 0; i < exact.size(); ++i) {
    exact[i].assign(columns.values[i].begin(), columns.values[i].end());
    batch.columns[i] = exact[i];
  }
  dsl::Evaluation expected;
  dsl::ErrorBounds bounds;
  dsl::Interpreter(test.program).evaluateWithBounds(batch, test.parameters, expected, bounds);
  const std::vector<Tensor> actual = ours(), peer = theirs();
  const std::string place = test.program.name + ", " + std::to_string(pairs) + " pairs: ";
  auto near = [](double a, double b, double scale) { return std::abs(a - b) <= 1e-3 * scale; };
  if (!dsl::tolerance::agrees(actual[0].item<double>(), expected.loss, bounds.loss))
    fail(place + "the kernel's loss is not the interpreter's");
  if (!near(peer[0].item<double>(), expected.loss, std::abs(expected.loss)))
    fail(place + "eager torch computes another loss");
  const dsl::Input policy[] = {dsl::Input::policy_chosen_logps, dsl::Input::policy_rejected_logps};
  for (size_t g = 0; g < 2; ++g) {
    const std::vector<double> &gradient = expected.gradients[size_t(policy[g])];
    const std::vector<double> &bound = bounds.gradients[size_t(policy[g])];
    double largest = 0;
    for (double value : gradient)
      largest = std::max(largest, std::abs(value));
    const float *mine = actual[1 + g].const_data_ptr<float>();
    const float *other = peer[1 + g].const_data_ptr<float>();
    for (int64_t i = 0; i < pairs; ++i) {
      if (!dsl::tolerance::agrees(mine[i], gradient[i], bound[i]))
        fail(place + "the kernel's gradient is not the interpreter's at pair " + std::to_string(i));
      if (!near(other[i], gradient[i], largest))
        fail(place + "eager torch computes another gradient at pair " + std::to_string(i));
    }
  }
}

double secondsOf(const Step &step, int repeats) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < repeats; ++i)
    step();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / repeats;
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[size_t(q * double(values.size() - 1) + 0.5)];
}

void measure(const Case &test, int64_t pairs) {
  const Columns columns(pairs);
  auto tensor = [&](dsl::Input input) { return columns.tensor(input); };
  const eager::Pairs in = {
      tensor(dsl::Input::policy_chosen_logps),    tensor(dsl::Input::policy_rejected_logps),
      tensor(dsl::Input::reference_chosen_logps), tensor(dsl::Input::reference_rejected_logps),
      tensor(dsl::Input::chosen_length),          tensor(dsl::Input::rejected_length)};
  const std::map<std::string, Tensor> byName = {{"policy_chosen_logps", in.policyChosen},
                                                {"policy_rejected_logps", in.policyRejected},
                                                {"reference_chosen_logps", in.referenceChosen},
                                                {"reference_rejected_logps", in.referenceRejected},
                                                {"chosen_length", in.chosenLength},
                                                {"rejected_length", in.rejectedLength}};
  std::vector<Tensor> inputs;
  for (const std::string &name : test.kernel.signature().inputs)
    inputs.push_back(byName.at(name));

  auto differentiated = [&](const Tensor &loss) {
    const auto gradients = torch::autograd::grad({loss}, {in.policyChosen, in.policyRejected});
    return std::vector<Tensor>{loss.detach(), gradients[0], gradients[1]};
  };
  const Step ours = [&] { return differentiated(trainer::applyObjective(test.kernel, inputs)); };
  const Step theirs = [&] { return differentiated(test.peer(in, test.peerParameters)); };
  check(test, columns, pairs, ours, theirs);

  const int ourRepeats = std::max(1, int(kRoundSeconds / secondsOf(ours, 3)));
  const int theirRepeats = std::max(1, int(kRoundSeconds / secondsOf(theirs, 3)));
  std::vector<double> ourTimes, theirTimes, ratios;
  for (int round = 0; round < kRounds; ++round) {
    ourTimes.push_back(secondsOf(ours, ourRepeats));
    theirTimes.push_back(secondsOf(theirs, theirRepeats));
    ratios.push_back(theirTimes.back() / ourTimes.back());
  }
  std::printf(
      "{\"benchmark\": \"objective\", \"objective\": \"%s\", \"pairs\": %lld, "
      "\"threads\": 1, \"rounds\": %d, \"ours_us\": %.2f, \"eager_us\": %.2f, \"ratio\": %.2f, "
      "\"ratio_p20\": %.2f, \"ratio_p80\": %.2f}\n",
      test.program.name.c_str(), static_cast<long long>(pairs), kRounds,
      1e6 * quantile(ourTimes, 0.5), 1e6 * quantile(theirTimes, 0.5), quantile(ratios, 0.5),
      quantile(ratios, 0.2), quantile(ratios, 0.8));
  std::fflush(stdout);
}
} // namespace

int main() {
  at::set_num_threads(1);
  compiler::Compiler compiler;
  for (const char *name : {"dpo", "lrml", "aqfl"}) {
    const Case test = load(compiler, name);
    for (int64_t pairs : kSizes)
      measure(test, pairs);
  }
}
