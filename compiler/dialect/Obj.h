// The obj dialect: the one include for everything TableGen makes of it.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "compiler/dialect/Differentiable.h.inc"
#include "compiler/dialect/ObjDialect.h.inc"
#include "compiler/dialect/ObjEnums.h.inc"
#define GET_TYPEDEF_CLASSES
#include "compiler/dialect/ObjTypes.h.inc"

namespace disco::obj {

/// The extent of a real or bool.
Extent extentOf(mlir::Type type);
constexpr bool isToken(Extent extent) { return extent >= Extent::ChosenToken; }
/// The widest of the types: mixing broadcasts upward.
Extent joinExtents(mlir::TypeRange types);

} // namespace disco::obj

#define GET_OP_CLASSES
#include "compiler/dialect/ObjOps.h.inc"
