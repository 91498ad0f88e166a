// dsl::Program -> obj: a transcription, one operation per node. Nothing is decided here.
#pragma once

#include "compiler/dialect/Obj.h"
#include "dsl/Program.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace disco::compiler {

/// A module with the one objective. Locations hold the objective's name as file and, as column, the
/// byte where the author wrote the node.
mlir::OwningOpRef<mlir::ModuleOp> emitObj(mlir::MLIRContext &context, const dsl::Program &program);

/// Something that a kernel reads from memory: an input of the language or a column.
struct KernelInput {
  std::string name;
  dsl::Extent extent;
  bool hasGradient;
};

/// What the loss, rewards or metrics read: inputs in positional order, then columns as declared.
std::vector<KernelInput> kernelInputs(const dsl::Program &program);

/// Whether the loss, rewards or metrics depend on tokens.
bool computesTokens(const dsl::Program &program);

/// The inputs that receive a gradient: the policy's two, read or not, and what else of the policy
/// is read per token.
std::vector<std::string> gradientInputs(const dsl::Program &program);

} // namespace disco::compiler
