// A kernel of doubles on a batch of doubles, for checks of gradients: the seam of training,
// Objective.h, is float32.
#pragma once

#include "dsl/Interpreter.h"
#include "dsl/Program.h"
#include "runtime/Kernel.h"

#include <span>

namespace disco::trainer {

/// What a kernel of float64 makes of a batch: comparable with dsl::Interpreter::evaluate, gradients
/// of every input that has one. `program` is the one it was compiled from; states after the step
/// are the interpreter's, as everywhere (SPEC).
dsl::Evaluation evaluateInDouble(const dsl::Program &program, const runtime::HostKernel &kernel,
                                 const dsl::Batch &batch, std::span<const double> parameters);

} // namespace disco::trainer
