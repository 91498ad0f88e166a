// obj-differentiate: one reverse sweep over the block. The rules are the operations' own
// (ObjAdjoints.cpp); what is decided here is who takes part, the seed, and the sum over pairs where
// a batch value is read by pair operations.
#include "compiler/passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace disco::obj {
#define GEN_PASS_DEF_OBJDIFFERENTIATE
#include "compiler/passes/Passes.h.inc"
} // namespace disco::obj

using namespace mlir;
using namespace disco::obj;

namespace {

struct Differentiate : disco::obj::impl::ObjDifferentiateBase<Differentiate> {
  void runOnOperation() override {
    ObjectiveOp objective = getOperation();
    YieldOp yield = objective.getYield();
    if (!yield.getGradients().empty()) {
      yield.emitOpError("already has gradients");
      return signalPassFailure();
    }
    // Values through which the loss can depend on an input after `wrt`. sign and detach pass
    // nothing on, bools neither.
    llvm::DenseSet<Value> active;
    for (StringRef name : objective.getWrt().getAsValueRange<StringAttr>())
      if (Value input = objective.getInput(name))
        active.insert(input);
    SmallVector<Operation *> ops;
    for (Operation &op : objective.getBody().front().without_terminator())
      if (isa<Differentiable>(op) &&
          llvm::any_of(op.getOperands(), [&](Value operand) { return active.contains(operand); })) {
        active.insert(op.getResult(0));
        ops.push_back(&op);
      }

    OpBuilder builder(yield);
    llvm::DenseMap<Value, Value> adjoints;
    if (active.contains(yield.getLoss()))
      adjoints[yield.getLoss()] = seed(builder, yield);

    for (Operation *op : llvm::reverse(ops)) {
      Value adjoint = adjoints.lookup(op->getResult(0));
      if (!adjoint)
        continue;
      if (auto pow = dyn_cast<PowOp>(op); pow && active.contains(pow.getRhs())) {
        pow.emitOpError("has an exponent with gradient");
        return signalPassFailure();
      }
      const Extent extent = extentOf(op->getResult(0).getType());
      SmallVector<Value> contributions = cast<Differentiable>(op).adjoint(builder, adjoint);
      for (auto [operand, contribution] : llvm::zip_equal(op->getOperands(), contributions)) {
        if (!contribution || !active.contains(operand))
          continue;
        const Extent target = extentOf(operand.getType());
        if (isToken(extent) && !isToken(target))
          contribution = sumOverTokens(builder, op->getLoc(), contribution, extent);
        if (extent != Extent::Batch && target == Extent::Batch)
          contribution = sumOverPairs(builder, op->getLoc(), contribution);
        Value &sum = adjoints[operand];
        sum = sum ? AddOp::create(builder, op->getLoc(), sum, contribution).getResult()
                  : contribution;
      }
    }

    SmallVector<Value> gradients;
    for (StringRef name : objective.getWrt().getAsValueRange<StringAttr>()) {
      Value input = objective.getInput(name);
      Value gradient = input ? adjoints.lookup(input) : Value();
      gradients.push_back(gradient ? gradient : number(builder, yield.getLoc(), 0));
    }
    yield.getGradientsMutable().assign(gradients);
  }

  static Value number(OpBuilder &builder, Location loc, double value) {
    return ConstantOp::create(builder, loc, builder.getF64FloatAttr(value));
  }

  // The value is the mean over pairs: each of n pair losses weighs 1/n, and a batch loss is its own
  // mean.
  static Value seed(OpBuilder &builder, YieldOp yield) {
    Value one = number(builder, yield.getLoc(), 1);
    if (extentOf(yield.getLoss().getType()) == Extent::Batch)
      return one;
    return DivOp::create(builder, yield.getLoc(), one,
                         BatchSizeOp::create(builder, yield.getLoc()));
  }

  // A pair value gathers the contributions of its tokens, also where they are all the same number;
  // without tokens it gathers nothing, were that number not finite.
  static Value sumOverTokens(OpBuilder &builder, Location loc, Value contribution, Extent side) {
    if (isToken(extentOf(contribution.getType())))
      return TokenSumOp::create(builder, loc, contribution);
    Value count = TokenCountOp::create(builder, loc, side == Extent::ChosenToken);
    return ChainOp::create(builder, loc, count, contribution);
  }

  // A batch value gathers the contributions of every pair, also where they are all the same number.
  static Value sumOverPairs(OpBuilder &builder, Location loc, Value contribution) {
    if (extentOf(contribution.getType()) == Extent::Pair)
      return BatchSumOp::create(builder, loc, contribution);
    return MulOp::create(builder, loc, contribution, BatchSizeOp::create(builder, loc));
  }
};

} // namespace
