// The numbers of one optimiser step as an objective sees them: filled in from the data set and,
// micro-batch by micro-batch, from the model; and room for the gradient.
#pragma once

#include "trainer/Needs.h"
#include "trainer/Objective.h"
#include "trainer/PairSet.h"

namespace disco::trainer {

/// Some pairs of a step, one after the other.
struct Part {
  size_t from = 0, count = 0;
};

class StepValues {
public:
  /// The set outlives this, and has what `needs` says of the reference and the program's columns.
  StepValues(const PairSet &set, const Needs &needs);

  /// Starts a step over the pairs `indices` of the set, which stay until the next one. The policy's
  /// values are 0 until set.
  void begin(std::span<const size_t> indices, double progress, std::span<const double> states);
  /// What the model gives for the scored tokens of a part: those of its chosen completions end to
  /// end, then those of the rejected ones. `kl` is null unless the objective reads a divergence.
  void setPolicy(Part part, const float *logps, const float *kl);

  size_t pairs() const { return pairs_; }
  Part whole() const { return {0, pairs_}; }
  /// Views of a part, which the objective then takes for a step of its own; valid until the next
  /// call.
  ObjectiveInputs inputs(Part part);
  ObjectiveGradients gradients(Part part);
  /// A pair of the step, and what of it is not finite.
  struct Fault {
    size_t pair = 0;
    std::string what; // e.g. "gradient is NaN"; empty where all is finite
  };
  /// The first pair of a part whose gradient is not finite.
  Fault gradientFault(Part part);
  /// The first pair of a part of which the objective reads a number that is not finite.
  Fault inputFault(Part part) const;
  /// "pair 3 (line 17 of the pairs)".
  std::string nameOf(size_t pair) const;
  /// `scale` times the gradient of a part with respect to each scored token's log-probability and
  /// divergence (unless null), in setPolicy's order.
  void tokenGradients(Part part, float scale, float *dLogps, float *dKl);
  /// Values of a pair input, [pairs].
  std::span<const float> column(dsl::Input input) const {
    return columns_[static_cast<size_t>(input)];
  }

private:
  std::array<size_t, 2> range(dsl::Input input, Part part) const;

  const PairSet &set_;
  Needs needs_;
  std::span<const size_t> indices_; // of the step's pairs in the set
  size_t pairs_ = 0;
  double progress_ = 0;
  std::vector<double> states_;
  std::array<std::vector<float>, dsl::kInputCount> columns_, gradients_;
  std::vector<std::vector<float>> dataColumns_;
  // Of the chosen and of the rejected completions' scored tokens, [pairs + 1]; and those of the
  // part last viewed, from 0.
  std::array<std::vector<size_t>, 2> offsets_, partOffsets_;
};

} // namespace disco::trainer
