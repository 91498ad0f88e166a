// The compiled stages and the host engine, or what is said where discoc was built without the
// compiler.
#pragma once

#include "dsl/Interpreter.h"
#include "dsl/support/Result.h"
#include "tools/discoc/Options.h"

namespace disco::discoc {

/// The text of Obj or a later stage. What a stage lacks is refused at its place in the
/// source.
Result<std::string> emitStage(const dsl::Program &program, const Source &source, Emit stage,
                              const std::string &gpuArch);

/// Compiles the program for this machine and evaluates it once, in float32.
Result<dsl::Evaluation> runOnHost(const dsl::Program &program, const dsl::Batch &batch,
                                  const std::vector<double> &parameters);

} // namespace disco::discoc
