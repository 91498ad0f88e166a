// From a checked program to code: the public face of the compiler. No MLIR or LLVM type appears
// here.
#pragma once

#include "dsl/Program.h"
#include "dsl/support/Result.h"
#include "dsl/support/Source.h"
#include "runtime/KernelImage.h"

#include <memory>
#include <string>

namespace disco::compiler {

/// The printable forms between a program and machine code, in order.
enum class Stage : uint8_t {
  Obj,   // the objective in the obj dialect, stabilised
  Grad,  // with its gradient
  Loops, // vector loops over pairs
  Llvm,  // LLVM IR
  Asm,   // assembly of HostOptions::target
  Ptx,   // PTX for EmitOptions::gpuArch
};

/// What host code is compiled for.
struct HostOptions {
  /// The running CPU's, where nothing else is asked for.
  runtime::Target target = runtime::bestTarget().value_or(runtime::Target::Portable);
  runtime::Dtype dtype = runtime::Dtype::Float32;
};

struct EmitOptions {
  std::string gpuArch = "sm_90";
  const Source *source = nullptr; // errors name places in it
  HostOptions host = {};          // Loops, Llvm and Asm
};

/// What kernels of the program read and write; the host kernel carries it, and it is the manifest
/// of the PTX text.
runtime::Signature signatureOf(const dsl::Program &program);

/// Whether kernels for GPUs have all that the program reads and does: so far no order or largest
/// value of the batch, no tokens, no state, no progress. Stage::Ptx refuses the others.
bool compilesForGpu(const dsl::Program &program);

/// A warm compiler: one MLIR context, and a target machine for each target that was asked for. One
/// per thread; not thread-safe.
class Compiler {
public:
  Compiler();
  ~Compiler();
  Compiler(Compiler &&) noexcept;
  Compiler &operator=(Compiler &&) noexcept;

  /// Machine code as data, parameters as arguments. Errors are the compiler's own faults, and a
  /// program that needs too many instructions.
  Result<runtime::KernelImage> compileImage(const dsl::Program &program,
                                            const HostOptions &options = {});
  /// The same, loaded into this process.
  Result<runtime::HostKernel> compileHost(const dsl::Program &program,
                                          const HostOptions &options = {});
  /// An object file with the functions `NAME_gradient` and `NAME_report`, NAME being
  /// runtime::exportedName, to be linked with the runtime.
  Result<std::string> compileObject(const dsl::Program &program, const HostOptions &options = {});
  /// The text of one stage.
  Result<std::string> emit(const dsl::Program &program, Stage stage,
                           const EmitOptions &options = {});

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace disco::compiler
