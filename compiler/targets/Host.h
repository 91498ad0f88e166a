// LLVM IR -> code of this process' CPU: assembly text, or memory to call. It links against nothing.
#pragma once

#include "dsl/support/Result.h"
#include "runtime/Kernel.h"

#include <memory>
#include <string>

namespace llvm {
class Module;
class TargetMachine;
namespace orc {
class LLJIT;
} // namespace orc
} // namespace llvm

namespace disco::compiler {

class HostTarget {
public:
  /// An error on a CPU without the instructions that kernels rely on.
  static Result<HostTarget> create();
  ~HostTarget();
  HostTarget(HostTarget &&) noexcept;
  HostTarget &operator=(HostTarget &&) noexcept;

  /// Sets triple, data layout and CPU of a module that is to be compiled here.
  void prepare(llvm::Module &module) const;
  Result<std::string> assembly(llvm::Module &module);
  /// Fills the functions of the kernel's plans with those of `module`, renamed so that many kernels
  /// can live in one process. The pages are never writable and executable at once, and are freed
  /// with the last copy of the kernel, which may outlive this target. A symbol that the module does
  /// not define is an error, whatever the process has under that name.
  Result<void> load(llvm::Module &module, runtime::HostKernel &kernel);

private:
  HostTarget();
  std::unique_ptr<llvm::TargetMachine> machine_;
  std::shared_ptr<llvm::orc::LLJIT> jit_;
  std::shared_ptr<std::string> reported_; // what the linker said during the last load
  uint64_t loaded_ = 0;
};

} // namespace disco::compiler
