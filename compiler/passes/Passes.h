// The passes of Passes.td: creation and registration.
#pragma once

#include "compiler/dialect/Obj.h"
#include "mlir/Pass/Pass.h"

namespace disco::obj {

#define GEN_PASS_DECL
#include "compiler/passes/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "compiler/passes/Passes.h.inc"

} // namespace disco::obj
