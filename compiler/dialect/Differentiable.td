// What the reverse sweep asks of an operation. The answers are in ObjAdjoints.cpp.
#ifndef DISCO_OBJ_DIFFERENTIABLE
#define DISCO_OBJ_DIFFERENTIABLE
include "mlir/IR/OpBase.td"

def Differentiable : OpInterface<"Differentiable"> {
  let description = [{An operation with a vector-Jacobian product.}];
  let cppNamespace = "::disco::obj";
  let methods = [InterfaceMethod<[{
      Given the adjoint of the result (`seed`), builds the contribution to each operand's adjoint, in operand order. A null
      Value means that the operand gets none. Summing over pairs or tokens, where the result exists more often than an operand,
      is the caller's.
    }],
    "::llvm::SmallVector<::mlir::Value>", "adjoint", (ins "::mlir::OpBuilder &":$builder, "::mlir::Value":$seed)>];
}
#endif
