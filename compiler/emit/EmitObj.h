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

/// Whether the dialect has the operation.
constexpr bool isCompiled(dsl::Op op) {
  switch (op) {
  case dsl::Op::Column:
  case dsl::Op::State:
  case dsl::Op::BatchMax:
  case dsl::Op::BatchQuantile:
  case dsl::Op::BatchSort:
  case dsl::Op::TokenSum:
    return false;
  default:
    return true;
  }
}

/// The first node that the compiler cannot take; none where emitObj() may be called.
std::optional<dsl::NodeId> firstRefused(const dsl::Program &program);

/// The pair inputs that the loss, rewards or metrics read, in positional order: the arguments of
/// the objective.
std::vector<dsl::Input> pairInputs(const dsl::Program &program);

} // namespace disco::compiler
