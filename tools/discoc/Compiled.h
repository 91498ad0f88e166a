// The compiled stages and the host engine, or what is said where discoc was built without the
// compiler.
#pragma once

#include "dsl/Interpreter.h"
#include "dsl/support/Result.h"
#include "tools/discoc/Options.h"

namespace disco::discoc {

/// The text of the options' stage, Obj or a later one. What a stage lacks is refused at its place
/// in the source.
Result<std::string> emitStage(const dsl::Program &program, const Source &source,
                              const Options &options);

/// Writes what Object, So and Dpoc make to the options' output; beside an object or library also
/// its C header, of the same name with `.h`. A .dpoc file has code for all targets.
Result<void> emitFiles(const dsl::Program &program, const Options &options);

/// Compiles the program for this machine and evaluates it once, in the options' type of number.
Result<dsl::Evaluation> runOnHost(const dsl::Program &program, const dsl::Batch &batch,
                                  const std::vector<double> &parameters, const Options &options);

} // namespace disco::discoc
