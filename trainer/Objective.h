// The seam between training and objectives: the numbers of one whole optimiser step in, loss and
// gradient with respect to what the policy gave out. The trainer and the search see only this;
// engines plug in behind it. No torch here.
#pragma once

#include "dsl/Interpreter.h"
#include "dsl/Program.h"
#include "dsl/support/Result.h"
#include "runtime/Kernel.h"

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace disco::trainer {

/// dsl::Batch in float32, in which models and kernels compute. columns[i] holds dsl::Input i: one
/// number per pair or per token, tokens of all pairs end to end; inputs the objective does not read
/// may be empty.
struct ObjectiveInputs {
  size_t pairs = 0;
  double progress = 0;
  std::array<std::span<const float>, dsl::kInputCount> columns{};
  /// Where the tokens of each pair begin and the last one's end, [pairs + 1].
  std::span<const size_t> chosenOffsets, rejectedOffsets;
  std::vector<std::span<const float>> dataColumns; // [Program::columns], each [pairs]
  std::span<const double> states; // [Program::states], before the step; empty: the initial ones
};

/// Where gradients go: by dsl::Input, in the shape of the inputs. Inputs whose gradient is not
/// wanted are empty; what the loss does not read becomes 0.
using ObjectiveGradients = std::array<std::span<float>, dsl::kInputCount>;

struct ObjectiveReport {
  std::vector<float> losses, chosenRewards, rejectedRewards; // [pairs]
  std::vector<float> metrics;                                // mean over pairs
};

class Objective {
public:
  virtual ~Objective() = default;
  virtual const dsl::Program &program() const = 0;
  virtual std::span<const double> parameters() const = 0;
  /// Mean loss over the pairs, and its gradient.
  virtual float gradient(const ObjectiveInputs &inputs, const ObjectiveGradients &gradients) = 0;
  virtual void report(const ObjectiveInputs &inputs, ObjectiveReport &out) = 0;
  /// The states after the step, [Program::states], computed in double.
  virtual std::vector<double> next(const ObjectiveInputs &inputs) = 0;
};

/// What an objective makes of a batch, rounded to the trainer's precision: comparable with
/// dsl::Interpreter::evaluate, gradients of every input that has one.
dsl::Evaluation evaluate(Objective &objective, const dsl::Batch &batch);

/// Evaluates with dsl::Interpreter; needs no compiler.
std::unique_ptr<Objective> interpretedObjective(dsl::Program program,
                                                std::vector<double> parameters);
/// Calls a compiled kernel. `program` is the one the kernel was compiled from.
std::unique_ptr<Objective> compiledObjective(dsl::Program program, runtime::HostKernel kernel,
                                             std::vector<double> parameters);

} // namespace disco::trainer
