// obj-verify-sealed: the last look at an objective before it becomes loops and memory.
#include "compiler/passes/Passes.h"

namespace disco::obj {
#define GEN_PASS_DEF_OBJVERIFYSEALED
#include "compiler/passes/Passes.h.inc"
} // namespace disco::obj

using namespace mlir;

namespace {
struct VerifySealed : disco::obj::impl::ObjVerifySealedBase<VerifySealed> {
  void runOnOperation() override {
    for (Operation &op : getOperation().getBody().front())
      if (!isa_and_present<disco::obj::ObjDialect>(op.getDialect())) {
        op.emitError() << "`" << op.getName() << "` inside an objective";
        signalPassFailure();
      }
  }
};
} // namespace
