// What an objective reads, and so what a training must compute for it and how it may cut a step.
// No torch here.
#pragma once

#include "dsl/Program.h"

#include <array>

namespace disco::trainer {

struct Needs {
  /// By dsl::Input: read by the loss, a `next`, a reward or a metric.
  std::array<bool, dsl::kInputCount> inputs{};
  /// Whether the loss's gradient at one pair depends on the policy at another, so that none exists
  /// before all log-probabilities of the step do. A batch statistic that the loss only adds, such
  /// as the mean of a penalty, does not couple.
  bool coupled = false;

  bool reads(dsl::Input input) const { return inputs[static_cast<size_t>(input)]; }
  /// Log-probabilities under the reference, of sequences or tokens; they can be cached.
  bool referenceLogps() const;
  /// Divergences of the policy from the reference: the reference model takes part in every step.
  bool divergence() const;
};

Needs needsOf(const dsl::Program &program);

} // namespace disco::trainer
