// LLVM IR -> code of an x86-64 CPU: assembly text, an object file, or code that needs no linker.
#pragma once

#include "dsl/support/Result.h"
#include "runtime/KernelImage.h"

#include <memory>
#include <string>

namespace llvm {
class Module;
class TargetMachine;
} // namespace llvm

namespace disco::compiler {

class HostTarget {
public:
  /// An error where LLVM was built without x86-64.
  static Result<HostTarget> create(runtime::Target target);
  ~HostTarget();
  HostTarget(HostTarget &&) noexcept;
  HostTarget &operator=(HostTarget &&) noexcept;

  /// Sets triple and data layout of a module that is to be compiled here, and replaces what the
  /// target has no instruction for.
  void prepare(llvm::Module &module) const;
  Result<std::string> assembly(llvm::Module &module);
  Result<std::string> object(llvm::Module &module);

private:
  HostTarget();
  std::unique_ptr<llvm::TargetMachine> machine_;
};

/// Fills the code of `image` with that of an object file, and the functions of its two plans, which
/// are set, with where `gradient_0`, ..., `report_0`, ... begin. A symbol that the object does not
/// define is an error that names it, whatever a process has under that name.
Result<void> linkImage(const std::string &object, runtime::KernelImage &image);

/// Adds the functions `NAME_gradient` and `NAME_report`, NAME being runtime::exportedName, which
/// run the objective's plans when the object is linked with the runtime (runtime/StaticKernel.h);
/// they are the only ones that can be seen from outside. Of `description` everything but the code
/// is read.
Result<void> addExports(llvm::Module &module, const runtime::KernelImage &description);

} // namespace disco::compiler
