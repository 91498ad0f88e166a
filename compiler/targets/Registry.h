// Which machines LLVM is asked to know.
#pragma once

namespace disco::compiler {

/// Makes x86-64 and NVPTX known to LLVM, once for the process: LLVM's list of them is not locked,
/// and compilers may be made in several threads at once.
void registerTargets();

} // namespace disco::compiler
