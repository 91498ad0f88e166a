// Time of one DPO step: GPT-2 shape with 4 layers, width 128, 4 heads, vocabulary 512; 4 pairs of
// about 150 tokens; cached reference. Prints one JSON line. step_trl.py runs TRL on the same pairs
// and prints the ratio.
//   bench-step PAIRS.json THREADS STEPS
#include "dsl/Dsl.h"
#include "trainer/DpoTrainer.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <fstream>

namespace {

using namespace disco;

/// What DPO reads, for the trainer to provide.
dsl::Program dpoProgram() {
  Diagnostics found;
  return *dsl::compileSource(Source("dpo", "objective dpo { loss = softplus(-0.1 * margin); }"),
                             found);
}

/// DPO in closed form, so that the time is the trainer's alone.
class ClosedFormDpo : public trainer::Objective {
public:
  const dsl::Program &program() const override { return program_; }
  std::span<const double> parameters() const override { return {}; }
  float gradient(const trainer::ObjectiveInputs &in,
                 const trainer::ObjectiveGradients &gradients) override {
    auto [dChosen, dRejected] = std::pair(gradients[0], gradients[1]);
    double loss = 0;
    for (size_t i = 0; i < in.pairs; ++i) {
      double z =
          0.1 * ((in.columns[0][i] - in.columns[1][i]) - (in.columns[2][i] - in.columns[3][i]));
      loss += std::log1p(std::exp(-z));
      dChosen[i] = static_cast<float>(-0.1 / (1 + std::exp(z)) / static_cast<double>(in.pairs));
      dRejected[i] = -dChosen[i];
    }
    return static_cast<float>(loss / static_cast<double>(in.pairs));
  }
  void report(const trainer::ObjectiveInputs &, trainer::ObjectiveReport &) override {}
  std::vector<double> next(const trainer::ObjectiveInputs &) override { return {}; }

private:
  dsl::Program program_ = dpoProgram();
};

} // namespace

int main(int argc, char **argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: bench-step PAIRS.json THREADS STEPS\n");
    return 2;
  }
  trainer::prepareProcess(std::atoi(argv[2]));
  auto rows = nlohmann::json::parse(std::ifstream(argv[1]));
  trainer::PairSet set;
  auto sequence = [](const nlohmann::json &prompt, const nlohmann::json &completion) {
    trainer::Sequence s{prompt.get<std::vector<int32_t>>(), static_cast<int64_t>(prompt.size())};
    for (const auto &token : completion)
      s.tokens.push_back(token.get<int32_t>());
    return s;
  };
  for (const auto &row : rows)
    set.pairs.push_back({sequence(row["prompt_ids"], row["chosen_ids"]),
                         sequence(row["prompt_ids"], row["rejected_ids"])});
  auto model = trainer::createModel({512, 256, 128, 4, 4}, 0);
  trainer::computeReference(*model, set);
  trainer::TrainConfig config;
  config.per_device_train_batch_size = 4;
  config.max_steps = std::atoi(argv[3]);
  config.learning_rate = 1e-4;
  ClosedFormDpo objective;
  trainer::DpoTrainer trainer(*model, objective, set, config);
  std::vector<double> milliseconds;
  std::clock_t cpu = 0; // processor time of all threads after the first, cold, step
  while (!trainer.done()) {
    auto started = std::chrono::steady_clock::now();
    trainer.step();
    milliseconds.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started)
            .count());
    if (milliseconds.size() == 1)
      cpu = std::clock();
  }
  double cpuMilliseconds = 1e3 * static_cast<double>(std::clock() - cpu) / CLOCKS_PER_SEC /
                           static_cast<double>(milliseconds.size() - 1);
  std::sort(milliseconds.begin(), milliseconds.end());
  std::printf("{\"benchmark\": \"step\", \"engine\": \"disco\", \"threads\": %s, \"parameters\": "
              "%lld, \"median_ms\": %.3f, "
              "\"p20_ms\": %.3f, \"cpu_ms\": %.3f, \"steps\": %zu}\n",
              argv[2], static_cast<long long>(trainer::configOf(*model).parameterCount()),
              milliseconds[milliseconds.size() / 2], milliseconds[milliseconds.size() / 5],
              cpuMilliseconds, milliseconds.size());
}
