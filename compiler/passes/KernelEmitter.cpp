// Levels, slices and the walks over the pairs (see KernelEmitter.h).
#include "compiler/passes/KernelEmitter.h"

#include "compiler/passes/LaneMath.h"
#include "compiler/passes/ScalarLowering.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace disco::obj;

namespace {

class Emitter {
public:
  Emitter(OpBuilder &builder, ObjectiveOp objective, const EntryPoint &entry, PairWalker &walker)
      : builder_(builder), objective_(objective), entry_(entry), walker_(walker) {
    SmallVector<Value> results;
    for (const EntryPoint::Output &output :
         llvm::concat<const EntryPoint::Output>(entry.perPair, entry.means))
      results.push_back(output.value);
    needed_ = slice(results);
    for (BlockArgument input : objective.getBody().front().getArguments())
      level_[input] = 0;
    for (Operation *op : needed_) {
      unsigned level = 0;
      for (Value operand : op->getOperands())
        level = std::max(level, level_.lookup(operand));
      level_[op->getResult(0)] = level + isa<BatchSumOp>(op);
    }
    for (Value result : results)
      lastLevel_ = std::max(lastLevel_, level_.lookup(result));
  }

  void run() {
    for (unsigned level = 0; level <= lastLevel_; ++level) {
      emitUniformValues(level);
      walk(level);
    }
    writeMeans();
  }

private:
  static bool isPair(Value value) { return extentOf(value.getType()) == Extent::Pair; }

  /// The operations that the results read, directly or not, in program order.
  SmallVector<Operation *> slice(ArrayRef<Value> results) {
    llvm::DenseSet<Operation *> marked;
    SmallVector<Value> pending(results);
    while (!pending.empty())
      if (Operation *op = pending.pop_back_val().getDefiningOp(); op && marked.insert(op).second)
        llvm::append_range(pending, op->getOperands());
    SmallVector<Operation *> ordered;
    for (Operation &op : objective_.getBody().front())
      if (marked.contains(&op))
        ordered.push_back(&op);
    return ordered;
  }

  Value lower(OpBuilder &builder, Operation *op) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands())
      operands.push_back(lowered_.at(operand));
    return lowerPointwise(builder, op, operands, walker_.lanes());
  }

  /// Batch values that follow from the sums taken so far. They live in lanes that are all the same.
  void emitUniformValues(unsigned level) {
    for (Operation *op : needed_) {
      Value result = op->getResult(0);
      if (isPair(result) || level_.lookup(result) != level || isa<BatchSumOp>(op))
        continue;
      const Location loc = op->getLoc();
      if (auto parameter = dyn_cast<ParameterOp>(op)) {
        lowered_[result] = walker_.spread(builder_, loc, entry_.parameters[parameter.getIndex()]);
      } else if (isa<BatchSizeOp>(op)) {
        Value count = arith::SIToFPOp::create(builder_, loc, builder_.getF32Type(), entry_.pairs);
        lowered_[result] = walker_.spread(builder_, loc, count);
      } else {
        lowered_[result] = lower(builder_, op);
      }
    }
  }

  /// Takes the sums and writes the results whose pair values are known at this level.
  void walk(unsigned level) {
    SmallVector<Operation *> sums;
    SmallVector<const EntryPoint::Output *> means, stores;
    SmallVector<Value> wanted;
    for (Operation *op : needed_)
      if (isa<BatchSumOp>(op) && level_.lookup(op->getOperand(0)) == level) {
        sums.push_back(op);
        wanted.push_back(op->getOperand(0));
      }
    for (const EntryPoint::Output &output : entry_.means)
      if (isPair(output.value) && level_.lookup(output.value) == level) {
        means.push_back(&output);
        wanted.push_back(output.value);
      }
    for (const EntryPoint::Output &output : entry_.perPair)
      if (level_.lookup(output.value) == level)
        stores.push_back(&output);
    if (wanted.empty() && stores.empty())
      return;

    SmallVector<Value> read = wanted;
    for (const EntryPoint::Output *output : stores)
      read.push_back(output->value);
    SmallVector<Value> totals =
        walker_.forEachPair(builder_, objective_.getLoc(), wanted.size(), [&](OpBuilder &builder) {
          emitPairValues(builder, read);
          for (const EntryPoint::Output *output : stores)
            walker_.store(builder, output->value.getLoc(), lowered_.at(output->value),
                          output->pointer);
          SmallVector<Value> terms;
          for (Value value : wanted)
            terms.push_back(lowered_.at(value));
          return terms;
        });

    for (auto [sum, total] : llvm::zip(sums, totals)) {
      Value rounded =
          arith::TruncFOp::create(builder_, sum->getLoc(), builder_.getF32Type(), total);
      lowered_[sum->getResult(0)] = walker_.spread(builder_, sum->getLoc(), rounded);
    }
    for (auto [output, total] : llvm::zip(means, ArrayRef(totals).drop_front(sums.size())))
      totals_[output] = total;
  }

  void emitPairValues(OpBuilder &builder, ArrayRef<Value> results) {
    // Inputs are loaded where first read; the objective's own order keeps operands before users.
    SmallVector<Operation *> ops;
    for (Operation *op : slice(results))
      if (isPair(op->getResult(0)))
        ops.push_back(op);
    llvm::DenseSet<Value> loaded;
    const auto loadInput = [&](Value value) {
      if (auto input = dyn_cast<BlockArgument>(value); input && loaded.insert(input).second)
        lowered_[input] =
            walker_.load(builder, input.getLoc(), entry_.inputs[input.getArgNumber()]);
    };
    for (Operation *op : ops) {
      for (Value operand : op->getOperands())
        loadInput(operand);
      lowered_[op->getResult(0)] = lower(builder, op);
    }
    for (Value result : results)
      loadInput(result);
  }

  void writeMeans() {
    if (entry_.means.empty())
      return;
    const Location loc = objective_.getLoc();
    const Type f32 = builder_.getF32Type(), f64 = builder_.getF64Type();
    Value zero = arith::ConstantOp::create(builder_, loc, builder_.getI64IntegerAttr(0));
    const auto write = [&](OpBuilder &builder, Location) {
      Value count = arith::SIToFPOp::create(builder, loc, f64, entry_.pairs);
      for (const EntryPoint::Output &output : entry_.means) {
        Value mean;
        if (auto total = totals_.find(&output); total != totals_.end()) {
          // In double: of no pairs 0 / 0 is NaN, and a sum beyond float32 still has a mean.
          Value quotient = arith::DivFOp::create(builder, loc, total->second, count);
          mean = arith::TruncFOp::create(builder, loc, f32, quotient);
        } else {
          Value isEmpty =
              arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, entry_.pairs, zero);
          Value nan = arith::ConstantOp::create(
              builder, loc, builder.getF32FloatAttr(std::numeric_limits<float>::quiet_NaN()));
          Value value = walker_.anyLane(builder, loc, lowered_.at(output.value));
          mean = arith::SelectOp::create(builder, loc, isEmpty, nan, value);
        }
        walker_.storeOnce(builder, loc, mean, output.pointer);
      }
    };
    if (entry_.meansOfNothing)
      return write(builder_, loc);
    Value isAny =
        arith::CmpIOp::create(builder_, loc, arith::CmpIPredicate::sgt, entry_.pairs, zero);
    scf::IfOp::create(builder_, loc, isAny, [&](OpBuilder &builder, Location loc) {
      write(builder, loc);
      scf::YieldOp::create(builder, loc);
    });
  }

  OpBuilder &builder_;
  ObjectiveOp objective_;
  const EntryPoint &entry_;
  PairWalker &walker_;
  SmallVector<Operation *> needed_;
  /// How many batch reductions, one after another, come before a value.
  llvm::DenseMap<Value, unsigned> level_;
  unsigned lastLevel_ = 0;
  /// What each value of the objective currently is; pair values change from walk to walk.
  llvm::DenseMap<Value, Value> lowered_;
  llvm::DenseMap<const EntryPoint::Output *, Value> totals_;
};

} // namespace

void disco::obj::emitEntryPoint(OpBuilder &builder, ObjectiveOp objective, const EntryPoint &entry,
                                PairWalker &walker) {
  Emitter(builder, objective, entry, walker).run();
}

EntryPoint disco::obj::gradientResults(ObjectiveOp objective) {
  EntryPoint entry;
  entry.means.push_back({objective.getYield().getLoss(), {}});
  for (Value gradient : objective.getYield().getGradients())
    entry.perPair.push_back({gradient, {}});
  entry.meansOfNothing = true;
  return entry;
}

EntryPoint disco::obj::reportResults(ObjectiveOp objective) {
  EntryPoint entry;
  entry.perPair.push_back({objective.getYield().getLoss(), {}});
  for (Value reward : objective.getYield().getRewards())
    entry.perPair.push_back({reward, {}});
  for (Value metric : objective.getYield().getMetrics())
    entry.means.push_back({metric, {}});
  return entry;
}
