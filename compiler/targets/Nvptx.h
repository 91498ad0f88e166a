// LLVM IR -> PTX text for one CUDA architecture. No CUDA installation is looked for.
#pragma once

#include "dsl/support/Result.h"

#include <string>

namespace llvm {
class Module;
} // namespace llvm

namespace disco::compiler {

/// `architecture` is sm_80 or later, as `--gpu-arch` spells it. An error when it is not, and when
/// the text would need another module at load time.
Result<std::string> emitPtx(llvm::Module &module, const std::string &architecture);

} // namespace disco::compiler
