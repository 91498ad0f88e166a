// Preference optimisation, one optimiser step at a time: log-probabilities of all pairs of the step
// (head), loss and dL/dlogp from the objective, backward per micro-batch, AdamW. Where the run is
// kept and who watches it is TrainRun's business.
#pragma once

#include "trainer/DataOrder.h"
#include "trainer/Gpt2Model.h"
#include "trainer/Objective.h"
#include "trainer/Optimizer.h"
#include "trainer/PairSet.h"

#include <map>
#include <string>

namespace disco::trainer {

class DpoTrainer {
public:
  /// All arguments outlive the trainer. `pairs` has its reference columns unless the objective
  /// reads none. The set has at least config.pairsPerStep() pairs.
  DpoTrainer(Gpt2Model &policy, Objective &objective, const PairSet &pairs,
             const TrainConfig &config);

  struct Step {
    int64_t index = 0; // from 0; the loss is that of the policy before this step's update
    double loss = 0, gradientNorm = 0, learningRate = 0;
    /// Why the update was not made: a non-finite loss or gradient. Then the policy is as before the
    /// step.
    std::string failure;
  };
  /// Runs the next step. Not to be called when done().
  Step step();
  /// What is logged about the step just run, under TRL's names; costs an evaluation of rewards and
  /// metrics.
  std::map<std::string, double> metrics();

  bool done() const { return next_ >= steps_; }
  int64_t steps() const { return steps_; }
  int64_t next() const { return next_; }

  /// Weights and optimiser by name, for checkpoints; together with next() and the number of tokens
  /// the whole state.
  NamedTensors tensors() const;
  int64_t tokensSeen() const { return tokens_; }
  /// Continues before step `next`, after tensors() were filled in.
  void resumeAt(int64_t next, int64_t tokensSeen);

private:
  TokenBatch batchOf(std::span<const size_t> indices) const;
  ObjectiveInputs inputs() const;
  std::string checkObjective(float loss) const;

  Gpt2Model &policy_;
  Objective &objective_;
  const PairSet &set_;
  TrainConfig config_;
  DataOrder order_;
  Optimizer optimizer_;
  int64_t steps_ = 0, next_ = 0, tokens_ = 0;
  Step last_;
  /// Columns of the step, by dsl::Input, and the gradients, each [pairs].
  std::array<std::vector<float>, dsl::kInputCount> columns_;
  std::vector<float> dChosen_, dRejected_;
};

} // namespace disco::trainer
