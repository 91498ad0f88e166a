// Pass records, in pipeline order.
#ifndef DISCO_OBJ_PASSES
#define DISCO_OBJ_PASSES
include "mlir/Pass/PassBase.td"

def ObjStabilize : Pass<"obj-stabilize", "::disco::obj::ObjectiveOp"> {
  let summary = "Rewrite expressions into forms that keep their digits";
  let description = [{
    Each rewrite is an identity of the reals whose right side is at least as accurate in floating point and finite where the
    left side needlessly is not. Apart from canonicalization because it changes bits.
  }];
}
def ObjVerifySealed : Pass<"obj-verify-sealed", "::disco::obj::ObjectiveOp"> {
  let summary = "Fail if anything but an obj operation is inside an objective";
  let description = [{The closed set of operations is the argument for safety: no loop, no call, no memory.}];
}
def ObjDifferentiate : Pass<"obj-differentiate", "::disco::obj::ObjectiveOp"> {
  let summary = "Append the gradients of the mean loss to what the objective yields";
}
def ObjLowerToLoops : Pass<"obj-lower-to-loops", "::mlir::ModuleOp"> {
  let summary = "Turn each objective into functions of vector loops over pairs";
  let options = [Option<"isFloat64", "float64", "bool", "false", "Compute in f64, for arrays of f64">];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::scf::SCFDialect"];
}
def ObjLowerToGpu : Pass<"obj-lower-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Turn each objective into two one-block CUDA kernels";
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::math::MathDialect",
                           "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect"];
}
#endif
