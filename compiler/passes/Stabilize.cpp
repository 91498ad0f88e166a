// obj-stabilize: applies the rewrites of Stabilize.td until none fits.
#include "compiler/passes/Passes.h"

#include "mlir/IR/PatternMatch.h"
#include "mlir/Rewrite/FrozenRewritePatternSet.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace disco::obj {
#define GEN_PASS_DEF_OBJSTABILIZE
#include "compiler/passes/Passes.h.inc"
} // namespace disco::obj

using namespace mlir;
using namespace disco::obj;

namespace {
#include "compiler/passes/Stabilize.inc"

struct Stabilize : disco::obj::impl::ObjStabilizeBase<Stabilize> {
  LogicalResult initialize(MLIRContext *context) override {
    RewritePatternSet set(context);
    populateWithGenerated(set);
    patterns = std::move(set);
    return success();
  }
  void runOnOperation() override {
    if (failed(applyPatternsGreedily(getOperation(), patterns)))
      signalPassFailure();
  }
  FrozenRewritePatternSet patterns;
};
} // namespace
