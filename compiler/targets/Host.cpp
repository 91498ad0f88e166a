// See Host.h. Instruction selection, and nothing after it; Image.cpp reads the objects.
#include "compiler/targets/Host.h"

#include "compiler/targets/Registry.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Target/TargetOptions.h"

using namespace disco;
using namespace disco::compiler;

namespace {

constexpr const char *kTriple = "x86_64-unknown-linux-gnu";

struct Cpu {
  const char *name, *features;
};
/// Levels and not the CPU at hand: code then runs wherever its level does.
Cpu cpuOf(runtime::Target target) {
  switch (target) {
  case runtime::Target::Portable:
    return {"x86-64", ""};
  case runtime::Target::Avx2:
    return {"x86-64-v3", ""};
  case runtime::Target::Avx512:
    return {"x86-64-v4", "-prefer-256-bit"}; // vectors of 16 floats are one register
  }
  return {};
}

Result<std::string> generate(llvm::TargetMachine &machine, llvm::Module &module,
                             llvm::CodeGenFileType type) {
  llvm::SmallString<0> out;
  llvm::raw_svector_ostream stream(out);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type, /*DisableVerify=*/true))
    return Error{"host code generation failed: the target writes no file of this type"};
  passes.run(module);
  return std::string(out);
}

} // namespace

HostTarget::HostTarget() = default;
HostTarget::~HostTarget() = default;
HostTarget::HostTarget(HostTarget &&) noexcept = default;
HostTarget &HostTarget::operator=(HostTarget &&) noexcept = default;

Result<HostTarget> HostTarget::create(runtime::Target target) {
  registerTargets();
  const llvm::Triple triple(kTriple);
  std::string problem;
  const llvm::Target *found = llvm::TargetRegistry::lookupTarget(triple, problem);
  if (!found)
    return Error{"host code generation failed: " + problem + "; use the interpreter"};
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  const Cpu cpu = cpuOf(target);
  HostTarget host;
  // `Less` runs the register allocator of optimised code but few passes before it: Pipeline.cpp,
  // trap 2.
  host.machine_.reset(found->createTargetMachine(triple, cpu.name, cpu.features, options,
                                                 llvm::Reloc::PIC_, std::nullopt,
                                                 llvm::CodeGenOptLevel::Less));
  return host;
}

void HostTarget::prepare(llvm::Module &module) const {
  module.setTargetTriple(machine_->getTargetTriple());
  module.setDataLayout(machine_->createDataLayout());
}

Result<std::string> HostTarget::assembly(llvm::Module &module) {
  return generate(*machine_, module, llvm::CodeGenFileType::AssemblyFile);
}

Result<std::string> HostTarget::object(llvm::Module &module) {
  return generate(*machine_, module, llvm::CodeGenFileType::ObjectFile);
}
