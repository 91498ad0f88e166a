// Preference optimisation, one optimiser step at a time: log-probabilities of all pairs of the step
// (head), loss and dL/dlogp from the objective, backward per micro-batch, AdamW. Where the run is
// kept and who watches it is TrainRun's business.
#pragma once

#include "trainer/DataOrder.h"
#include "trainer/Gpt2Model.h"
#include "trainer/Head.h"
#include "trainer/Objective.h"
#include "trainer/Optimizer.h"
#include "trainer/StepValues.h"

#include <map>
#include <string>

namespace disco::trainer {

class DpoTrainer {
public:
  /// All arguments outlive the trainer. `pairs` has the reference's log-probabilities and the
  /// columns that the objective reads, and at least config.pairsPerStep() pairs; `reference` is
  /// there when the objective reads divergences from it.
  DpoTrainer(Gpt2Model &policy, Objective &objective, const PairSet &pairs,
             const TrainConfig &config, const Gpt2Model *reference = nullptr);

  struct Step {
    int64_t index = 0; // from 0; the loss is that of the policy before this step's update
    double loss = 0, gradientNorm = 0, learningRate = 0;
    /// Why the update was not made: a non-finite loss, gradient or state, and the first pair of
    /// which a loss, a gradient or a number that the objective read is not finite. The same with
    /// every engine. Then policy and states are as before the step.
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

  /// Weights and optimiser by name, for checkpoints; together with next(), the number of tokens and
  /// the objective's states all that a training consists of.
  NamedTensors tensors() const;
  int64_t tokensSeen() const { return tokens_; }
  /// In the order of Program::states.
  const std::vector<double> &states() const { return states_; }
  /// Continues before step `next`, after tensors() were filled in; false when the number of states
  /// is not the objective's.
  bool resumeAt(int64_t next, int64_t tokensSeen, std::vector<double> states);

private:
  size_t pairs() const { return values_.pairs(); }
  TokenValues forward(Part part) const;
  void read(Part part, const TokenValues &values);
  void backward(Part part, const TokenValues &values);
  std::string computeGradient();
  std::string lossFault(Part part);
  std::string withInputFault(std::string fault) const;
  std::string computeStates(std::vector<double> &states);
  ObjectiveReport report();

  Gpt2Model &policy_;
  Objective &objective_;
  const PairSet &set_;
  const Gpt2Model *reference_;
  TrainConfig config_;
  Needs needs_;
  StepValues values_; // of the step last run, with the states before it
  DataOrder order_;
  Optimizer optimizer_;
  int64_t steps_ = 0, next_ = 0, tokens_ = 0;
  std::vector<Part> parts_;         // the micro-batches of a step
  std::span<const size_t> indices_; // the pairs of the step last run
  std::vector<double> states_;      // of the objective, after the step last run
  Step last_;
};

} // namespace disco::trainer
