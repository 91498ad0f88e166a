// The seam between training and objectives: pairs of one whole optimiser step in, loss and gradient
// with respect to the log-probabilities out. The trainer and the search see only this; engines plug
// in behind it. No torch here.
#pragma once

#include "dsl/Program.h"
#include "dsl/support/Result.h"
#include "runtime/Kernel.h"

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace disco::trainer {

/// columns[i] holds dsl::Input i for all pairs of the step, float32 [pairs]; inputs the objective
/// does not read may be empty.
struct ObjectiveInputs {
  size_t pairs = 0;
  std::array<std::span<const float>, dsl::kInputCount> columns{};
};

struct ObjectiveReport {
  std::vector<float> losses, chosenRewards, rejectedRewards; // [pairs]
  std::vector<float> metrics;                                // mean over pairs
};

class Objective {
public:
  virtual ~Objective() = default;
  virtual const dsl::Program &program() const = 0;
  virtual std::span<const double> parameters() const = 0;
  /// Mean loss over the pairs, and its gradient with respect to the policy's log-probabilities,
  /// each [pairs].
  virtual float gradient(const ObjectiveInputs &inputs, std::span<float> dPolicyChosen_B,
                         std::span<float> dPolicyRejected_B) = 0;
  virtual void report(const ObjectiveInputs &inputs, ObjectiveReport &out) = 0;
};

/// Evaluates with dsl::Interpreter; needs no compiler.
std::unique_ptr<Objective> interpretedObjective(dsl::Program program,
                                                std::vector<double> parameters);
/// Calls a compiled kernel. `program` is the one the kernel was compiled from.
std::unique_ptr<Objective> compiledObjective(dsl::Program program, runtime::HostKernel kernel,
                                             std::vector<double> parameters);

} // namespace disco::trainer
