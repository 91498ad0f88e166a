// See Nvptx.h.
#include "compiler/targets/Nvptx.h"

#include "compiler/targets/Registry.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Target/TargetMachine.h"

#include <array>

using namespace disco;

namespace {

/// PTX 8.0 knows every architecture of kArchitectures. The default version does not, and LLVM then
/// ends the process.
constexpr const char *kFeatures = "+ptx80";
/// From 8.0 on there are minimum and maximum that propagate NaN.
constexpr std::array kArchitectures = {"sm_80", "sm_86", "sm_87", "sm_89", "sm_90"};

Error unknownArchitecture(const std::string &architecture) {
  std::string known;
  for (const char *name : kArchitectures)
    known += std::string(known.empty() ? "" : ", ") + name;
  return Error{"unknown GPU architecture `" + architecture + "`; known: " + known};
}

} // namespace

Result<std::string> compiler::emitPtx(llvm::Module &module, const std::string &architecture) {
  if (std::find(kArchitectures.begin(), kArchitectures.end(), architecture) == kArchitectures.end())
    return unknownArchitecture(architecture);
  registerTargets();
  const llvm::Triple triple("nvptx64-nvidia-cuda");
  std::string reason;
  const llvm::Target *target = llvm::TargetRegistry::lookupTarget(triple, reason);
  if (!target)
    return Error{"this LLVM has no NVPTX target: " + reason};
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::unique_ptr<llvm::TargetMachine> machine(
      target->createTargetMachine(triple, architecture, kFeatures, options, llvm::Reloc::PIC_));
  module.setTargetTriple(triple);
  module.setDataLayout(machine->createDataLayout());

  llvm::SmallString<0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr, llvm::CodeGenFileType::AssemblyFile))
    return Error{"the NVPTX target writes no text"};
  passes.run(module);
  // A name that only the driver would miss, when it loads the module.
  if (size_t at = text.str().find(".extern"); at != llvm::StringRef::npos)
    return Error{"PTX refers to something outside: " +
                 text.str().drop_front(at).split('\n').first.str()};
  return std::string(text);
}
