// See Host.h. Code generation is run by us into an object file in memory; ORC only links it.
#include "compiler/targets/Host.h"

#include "llvm/ADT/SmallString.h"
#include "llvm/ExecutionEngine/Orc/JITTargetMachineBuilder.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/ExecutionEngine/Orc/ObjectLinkingLayer.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SmallVectorMemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"

using namespace disco;
using namespace disco::compiler;

namespace {

Error hostError(llvm::Error error) {
  return Error{"host code generation failed: " + llvm::toString(std::move(error))};
}

/// An error of the linker. What it names are the symbols that were asked for; why they failed was
/// `reported` before.
Error linkError(llvm::Error error, const std::string &reported) {
  Error result = hostError(std::move(error));
  if (!reported.empty())
    result.message += ": " + reported;
  return result;
}

/// The code of one kernel in memory, and the linker that owns it.
struct LoadedCode {
  std::shared_ptr<llvm::orc::LLJIT> jit;
  llvm::orc::ResourceTrackerSP tracker;
  ~LoadedCode() {
    if (tracker)
      llvm::consumeError(tracker->remove());
  }
};

/// Runs instruction selection and writes an object or assembly file.
Result<void> generate(llvm::TargetMachine &machine, llvm::Module &module,
                      llvm::CodeGenFileType type, llvm::SmallVectorImpl<char> &out) {
  llvm::raw_svector_ostream stream(out);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, type, /*DisableVerify=*/true))
    return Error{"host code generation failed: the target writes no file of this type"};
  passes.run(module);
  return {};
}

} // namespace

HostTarget::HostTarget() = default;
HostTarget::~HostTarget() = default;
HostTarget::HostTarget(HostTarget &&) noexcept = default;
HostTarget &HostTarget::operator=(HostTarget &&) noexcept = default;

Result<HostTarget> HostTarget::create() {
  llvm::InitializeNativeTarget();
  llvm::InitializeNativeTargetAsmPrinter();
  auto builder = llvm::orc::JITTargetMachineBuilder::detectHost();
  if (!builder)
    return hostError(builder.takeError());
  // Polynomials are built from fused multiply-adds. Without the instruction each becomes a call of
  // fmaf, which is refused at link time; say so here instead.
  if (builder->getTargetTriple().isX86() && !llvm::sys::getHostCPUFeatures().lookup("fma"))
    return Error{"this CPU has no fused multiply-add; use the interpreter"};
  // `Less` runs the register allocator of optimised code but few passes before it: Pipeline.cpp,
  // trap 2.
  builder->setCodeGenOptLevel(llvm::CodeGenOptLevel::Less);
  builder->setRelocationModel(llvm::Reloc::PIC_);
  builder->getOptions().AllowFPOpFusion = llvm::FPOpFusion::Strict;

  HostTarget target;
  auto machine = builder->createTargetMachine();
  if (!machine)
    return hostError(machine.takeError());
  target.machine_ = std::move(*machine);
  // No process symbols and no platform: a kernel is closed, and what is not in it must not be
  // found.
  auto jit = llvm::orc::LLJITBuilder()
                 .setJITTargetMachineBuilder(*builder)
                 .setLinkProcessSymbolsByDefault(false)
                 .setPlatformSetUp(llvm::orc::setUpInactivePlatform)
                 .setObjectLinkingLayerCreator([](llvm::orc::ExecutionSession &session) {
                   return std::make_unique<llvm::orc::ObjectLinkingLayer>(session);
                 })
                 .create();
  if (!jit)
    return hostError(jit.takeError());
  target.jit_ = std::move(*jit);
  target.reported_ = std::make_shared<std::string>();
  target.jit_->getExecutionSession().setErrorReporter(
      [reported = target.reported_](llvm::Error error) {
        *reported += (reported->empty() ? "" : "; ") + llvm::toString(std::move(error));
      });
  return target;
}

void HostTarget::prepare(llvm::Module &module) const {
  module.setTargetTriple(machine_->getTargetTriple());
  module.setDataLayout(machine_->createDataLayout());
}

Result<std::string> HostTarget::assembly(llvm::Module &module) {
  llvm::SmallString<0> text;
  if (Result<void> done = generate(*machine_, module, llvm::CodeGenFileType::AssemblyFile, text);
      !done)
    return done.error();
  return std::string(text);
}

Result<void> HostTarget::load(llvm::Module &module, runtime::HostKernel &kernel) {
  const std::string suffix = "_of_" + std::to_string(loaded_++);
  for (llvm::Function &function : module)
    if (!function.isDeclaration())
      function.setName(function.getName() + suffix);
  llvm::SmallVector<char, 0> object;
  if (Result<void> done = generate(*machine_, module, llvm::CodeGenFileType::ObjectFile, object);
      !done)
    return done.error();

  auto code = std::make_shared<LoadedCode>();
  code->jit = jit_;
  code->tracker = jit_->getMainJITDylib().createResourceTracker();
  auto buffer =
      std::make_unique<llvm::SmallVectorMemoryBuffer>(std::move(object), "kernel" + suffix,
                                                      /*RequiresNullTerminator=*/false);
  reported_->clear();
  if (llvm::Error error = jit_->addObjectFile(code->tracker, std::move(buffer)))
    return hostError(std::move(error));
  for (auto [name, entry] :
       {std::pair{"gradient_", &kernel.gradientCode}, std::pair{"report_", &kernel.reportCode}})
    for (size_t i = 0; i < entry->plan.functions(); ++i) {
      auto function = jit_->lookup(name + std::to_string(i) + suffix);
      if (!function)
        return linkError(function.takeError(), *reported_);
      entry->functions.push_back(function->toPtr<runtime::disco_walk_fn>());
    }
  kernel.keepAlive = std::move(code);
  return {};
}
