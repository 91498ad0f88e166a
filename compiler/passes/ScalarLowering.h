// What each pointwise obj operation is in arith and math: one table, shared by the host and the GPU
// lowering.
#pragma once

#include "compiler/dialect/Obj.h"
#include "mlir/IR/Builders.h"

namespace disco::obj {

/// Builds `op` on lowered operands. `lanes` is what a real has become: a float, or a vector of
/// floats; a bool is i1 of that shape. Handles every pointwise operation and `obj.constant`.
mlir::Value lowerPointwise(mlir::OpBuilder &builder, mlir::Operation *op, mlir::ValueRange operands,
                           mlir::Type lanes);

} // namespace disco::obj
