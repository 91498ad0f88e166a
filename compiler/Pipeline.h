// The passes each target runs, in order. This is the map of the compiler.
#pragma once

#include "mlir/Pass/PassManager.h"

namespace disco::compiler {

/// obj -> obj: canonical, stabilised, checked.
void addSimplification(mlir::OpPassManager &passes);
/// obj -> obj with gradients.
void addDifferentiation(mlir::OpPassManager &passes);
/// obj with gradients -> vector loops in arith, math, scf and llvm. `isPortable`: without
/// instructions that every x86-64 lacks.
void addHostLoops(mlir::OpPassManager &passes, bool isFloat64, bool isPortable);
/// obj with gradients -> CUDA kernels in arith, math, scf, nvvm and llvm.
void addGpuKernels(mlir::OpPassManager &passes);
/// Loops or kernels -> the llvm dialect alone.
void addLlvm(mlir::OpPassManager &passes);

/// What addLlvm and the translation to LLVM IR need to find registered in a context.
void registerPipelineDialects(mlir::DialectRegistry &registry);

} // namespace disco::compiler
