// See Differential.h.
#include "test/conformance/Differential.h"

#include "dsl/Dsl.h"
#include "test/conformance/Engines.h"
#include "test/conformance/RandomObjective.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <sstream>

namespace disco::conformance {

namespace {

/// A kernel that would need too many instructions is refused (compiler/Compiler.cpp).
bool isTooLarge(const Error &error) {
  return error.message.find("instructions") != std::string::npos;
}

std::string numbers(const std::string &name, const std::vector<double> &values) {
  std::ostringstream line;
  line.precision(9);
  line << "  " << name << " =";
  for (double value : values)
    line << " " << value;
  return line.str() + "\n";
}

/// The step, as far as anybody may want to read it.
std::string describe(const dsl::Step &step, const std::vector<double> &parameters) {
  constexpr size_t kMostShown = 24;
  std::string text = "  pairs = " + std::to_string(step.pairs) + "\n";
  text += numbers("parameters", parameters) + numbers("states", step.states) +
          numbers("progress", {step.progress});
  if (step.pairs > kMostShown)
    return text;
  for (const auto &[input, values] : step.columns)
    text += numbers(std::string(dsl::inputName(input)), values);
  for (size_t c = 0; c < step.dataColumns.size(); ++c)
    text += numbers("column " + std::to_string(c), step.dataColumns[c]);
  for (const std::vector<size_t> *offsets : {&step.chosenOffsets, &step.rejectedOffsets})
    text += numbers("token offsets", {offsets->begin(), offsets->end()});
  return text;
}

/// An objective with its engines.
class Trialled {
public:
  Trialled(uint64_t seed, size_t size) : seed_(seed), objective_(randomObjective(seed, size)) {
    if (!objective_)
      return;
    const dsl::Program &program = objective_->program;
    const dsl::Program &reread = objective_->reread ? *objective_->reread : program;
    Result<std::vector<NamedEngine>> further = furtherEngines(program, reread, seed / 2);
    if (!further && isTooLarge(further.error())) {
      objective_.reset();
      return;
    }
    if (!further) {
      problem_ = further.error().message;
      return;
    }
    engines_ = float32Engines(program);
    std::move(further->begin(), further->end(), std::back_inserter(engines_));
    if (objective_->reread && seed % 2 == 0 && dsl::codeHash(reread) != dsl::codeHash(program))
      problem_ = "another code hash after printing and reading";
  }

  bool exists() const { return objective_.has_value(); }

  /// What disagrees on a step of this kind; empty where nothing does.
  std::string failure(size_t kind, size_t pairs) const {
    if (!problem_.empty())
      return problem_ + "\n" + objective_->text;
    const dsl::Step step = randomStepFor(objective_->program, seed_, kind, pairs);
    const std::vector<double> parameters = randomParameters(objective_->program, seed_, kind);
    const std::vector<std::string> found =
        disagreements(objective_->program, engines_, step, parameters);
    if (found.empty())
      return {};
    constexpr size_t kMostShown = 8;
    std::string text;
    for (size_t i = 0; i < std::min(found.size(), kMostShown); ++i)
      text += found[i] + "\n";
    return text + objective_->text + describe(step, parameters);
  }

private:
  uint64_t seed_;
  std::optional<RandomObjective> objective_;
  std::vector<NamedEngine> engines_;
  std::string problem_; // with the program itself
};

/// The failure of the smallest objective of the seed on its smallest step.
std::string reduced(uint64_t seed) {
  const size_t full = fullSize(seed);
  for (size_t size = 1; size <= full; ++size) {
    const Trialled trialled(seed, size);
    for (size_t kind = 0; trialled.exists() && kind < kSteps; ++kind)
      for (size_t few = 1, most = pairsOfStep(seed, kind); few <= most;
           few = few < 20 || few >= most ? few + 1 : most)
        if (std::string failure = trialled.failure(kind, few); !failure.empty())
          return "seed " + std::to_string(seed) + ", size " + std::to_string(size) + " of " +
                 std::to_string(full) + ", step " + std::to_string(kind) + ": " + failure;
  }
  return {};
}

} // namespace

Trial tryObjective(uint64_t seed) {
  const Trialled trialled(seed, fullSize(seed));
  if (!trialled.exists())
    return {};
  Trial trial{true, {}};
  for (size_t kind = 0; kind < kSteps && trial.failure.empty(); ++kind)
    if (std::string failure = trialled.failure(kind, pairsOfStep(seed, kind)); !failure.empty()) {
      trial.failure = reduced(seed);
      if (trial.failure.empty()) // only on a step without pairs, or that large
        trial.failure =
            "seed " + std::to_string(seed) + ", step " + std::to_string(kind) + ": " + failure;
    }
  return trial;
}

} // namespace disco::conformance
