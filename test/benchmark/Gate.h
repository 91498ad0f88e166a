// What stands before every timing of compiled code: it computes what the interpreter does.
#pragma once

#include "dsl/Program.h"
#include "runtime/Kernel.h"

namespace disco::benchmark {

/// Ends the process with an error unless a kernel of float32, on 64 random pairs at the default
/// parameters, gives the interpreter's loss and gradients within SPEC's bounds.
void gate(const dsl::Program &program, const runtime::HostKernel &kernel);

} // namespace disco::benchmark
