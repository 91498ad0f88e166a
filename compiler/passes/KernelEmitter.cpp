// Levels, slices and the walks over the pairs (see KernelEmitter.h).
#include "compiler/passes/KernelEmitter.h"

#include "compiler/passes/LaneMath.h"
#include "compiler/passes/ScalarLowering.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace disco::obj;

namespace {

/// A value of pairs that takes more operations than this is kept for later walks, not computed
/// again: else a chain of n batch reductions costs n^2. What shipped objectives repeat is cheaper
/// than memory.
constexpr size_t kMostRepeated = 32;

constexpr Extent kSides[] = {Extent::ChosenToken, Extent::RejectedToken};

/// Operations whose result is known only after a walk over all pairs.
bool endsWalk(Operation *op) { return isa<BatchSumOp, BatchMaxOp, BatchSortOp, BatchUnsortOp>(op); }
bool isReordering(Operation *op) { return isa<BatchSortOp, BatchUnsortOp>(op); }

class Emitter {
public:
  Emitter(OpBuilder &builder, ObjectiveOp objective, const EntryPoint &entry, PairWalker &walker)
      : builder_(builder), objective_(objective), entry_(entry), walker_(walker) {
    SmallVector<Value> results(entry.means);
    for (const EntryPoint::Output &output : entry.arrays)
      results.push_back(output.value);
    needed_ = slice(results);
    for (Operation *op : needed_) {
      unsigned walk = 0, tokens = 0;
      for (Value operand : op->getOperands()) {
        walk = std::max(walk, walkOf_.lookup(operand));
        tokens = std::max(tokens, tokenWalkOf_.lookup(operand));
      }
      Value result = op->getResult(0);
      walkOf_[result] = walk + endsWalk(op);
      if (extentOf(result.getType()) != Extent::Batch && !isReordering(op))
        tokenWalkOf_[result] = tokens + isa<TokenSumOp>(op);
    }
    for (Value result : results)
      lastWalk_ = std::max(lastWalk_, walkOf_.lookup(result));
  }

  void run() {
    for (unsigned walk = 0; walk <= lastWalk_; ++walk)
      emitWalk(walk);
    emitMeans();
  }

private:
  Location loc() { return objective_.getLoc(); }
  static Extent extent(Value value) { return extentOf(value.getType()); }
  Type real() const { return getElementTypeOrSelf(walker_.lanes()); }

  /// x - x: 0, or NaN of what is not finite. Such terms add up to NaN if one is.
  Value nothingIfFinite(OpBuilder &builder, Value x) {
    return LaneMath(builder, loc(), walker_.lanes()).sub(x, x);
  }

  /// Whether no walk computes the result: it is a total, or in memory.
  bool isMade(Operation *op) const { return endsWalk(op) || storedIn_.contains(op->getResult(0)); }

  /// The operations that the values read, directly or not, in program order; `inWalk`: not beyond
  /// what an earlier walk has made.
  SmallVector<Operation *> slice(ArrayRef<Value> values, bool inWalk = false) {
    llvm::DenseSet<Operation *> marked;
    SmallVector<Value> pending(values);
    while (!pending.empty()) {
      Operation *op = pending.pop_back_val().getDefiningOp();
      if (!op || !marked.insert(op).second || (inWalk && isMade(op)))
        continue;
      llvm::append_range(pending, op->getOperands());
    }
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

  //===--- One walk ---------------------------------------------------------------------------===//

  /// Takes the reductions and writes the results whose values are known in this walk.
  void emitWalk(unsigned walk) {
    SmallVector<Operation *> reductions, reordered;
    SmallVector<Value> reduced, read;
    SmallVector<Reduction> kinds;
    for (Operation *op : needed_) {
      if (!endsWalk(op) || walkOf_.lookup(op->getResult(0)) != walk + 1)
        continue;
      read.push_back(op->getOperand(0));
      if (isReordering(op)) {
        reordered.push_back(op);
        continue;
      }
      reductions.push_back(op);
      reduced.push_back(op->getOperand(0));
      kinds.push_back(isa<BatchMaxOp>(op) ? Reduction::Max : Reduction::Add);
    }
    SmallVector<size_t> means, arrays;
    for (auto [index, mean] : llvm::enumerate(entry_.means))
      if (extent(mean) != Extent::Batch && walkOf_.lookup(mean) == walk) {
        means.push_back(index);
        reduced.push_back(mean);
        kinds.push_back(entry_.watched ? Reduction::Loss : Reduction::Add);
        read.push_back(mean);
      }
    for (auto [index, output] : llvm::enumerate(entry_.arrays))
      if (walkOf_.lookup(output.value) == walk) {
        arrays.push_back(index);
        read.push_back(output.value);
      }
    if (read.empty())
      return;

    const SmallVector<Operation *> ops = slice(read, true);
    walker_.beginWalk(builder_, loc());
    lowered_.clear();
    prepare(ops, read, arrays, reordered);
    const SmallVector<Operation *> kept = keep(ops, walk);
    const bool watchArrays = entry_.watched && !arrays.empty();
    if (watchArrays)
      kinds.push_back(Reduction::Health);
    walker_.forEachPair(builder_, loc(), kinds, [&](OpBuilder &builder) {
      Value health = emitPairs(builder, ops, read, arrays, reordered);
      for (Operation *op : kept)
        walker_.store(builder, op->getLoc(), lowered_.at(op->getResult(0)), stores_.at(op));
      SmallVector<Value> terms;
      for (Value value : reduced)
        terms.push_back(lowered_.at(value));
      if (watchArrays)
        terms.push_back(health);
      return terms;
    });

    for (Operation *op : reductions)
      totalOf_[op->getResult(0)] = totals_++;
    for (size_t mean : means)
      totalOfMean_[mean] = totals_++;
    totals_ += watchArrays;
    for (Operation *op : reordered)
      reorder(op);
  }

  /// Those of the operations that this walk computes whose results, numbers, later walks find in
  /// memory. A value may be known long before a walk first has a use for it.
  SmallVector<Operation *> keep(ArrayRef<Operation *> ops, unsigned walk) {
    SmallVector<Operation *> kept;
    if (!walker_.canKeep())
      return kept;
    for (Operation *op : ops) {
      Value result = op->getResult(0);
      if (extent(result) == Extent::Pair && isa<RealType>(result.getType()) && !isMade(op) &&
          isReadAfter(result, walk) && slice(result, true).size() > kMostRepeated) {
        walker_.keep(stored_);
        stores_[op] = walker_.stored(builder_, op->getLoc(), stored_);
        storedIn_[result] = stored_++;
        kept.push_back(op);
      }
    }
    return kept;
  }
  bool isReadAfter(Value value, unsigned walk) {
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      return user->getNumResults() == 1 &&
             walkOf_.lookup(user->getResult(0)) > walk + endsWalk(user);
    });
  }

  /// What the pairs of this walk need and what is the same for all of them.
  void prepare(ArrayRef<Operation *> ops, ArrayRef<Value> read, ArrayRef<size_t> arrays,
               ArrayRef<Operation *> reordered) {
    const auto useInput = [&](Value value) {
      if (auto argument = dyn_cast<BlockArgument>(value); argument && !pointers_.contains(value))
        pointers_[value] = walker_.input(builder_, loc(), argument.getArgNumber());
    };
    pointers_.clear();
    llvm::for_each(read, useInput);
    for (Operation *op : ops) {
      llvm::for_each(op->getOperands(), useInput);
      Value result = op->getResult(0);
      if (auto array = storedIn_.find(result); array != storedIn_.end())
        pointers_[result] = walker_.stored(builder_, op->getLoc(), array->second);
      else if (extent(result) == Extent::Batch)
        emitBatchValue(op);
    }
    for (Operation *op : reordered) {
      storedIn_.try_emplace(op->getResult(0), stored_);
      stores_[op] = walker_.stored(builder_, op->getLoc(), stored_ + 1);
      storedFrom_[op] = stored_ + 1;
      stored_ += 2;
    }
    outputs_.clear();
    for (size_t index : arrays)
      outputs_[index] = walker_.output(builder_, loc(), index);
  }

  /// They live in lanes that are all the same.
  void emitBatchValue(Operation *op) {
    const Location loc = op->getLoc();
    const auto spread = [&](Value number) { return walker_.spread(builder_, loc, number); };
    Value &lowered = lowered_[op->getResult(0)];
    const size_t parameters = objective_.getParameters().size();
    if (auto total = totalOf_.find(op->getResult(0)); total != totalOf_.end())
      lowered =
          spread(convertReal(builder_, loc, walker_.total(builder_, loc, total->second), real()));
    else if (endsWalk(op))
      return;
    else if (auto parameter = dyn_cast<ParameterOp>(op))
      lowered = spread(walker_.batchNumber(builder_, loc, parameter.getIndex()));
    else if (auto state = dyn_cast<StateOp>(op))
      lowered = spread(walker_.batchNumber(builder_, loc, parameters + state.getIndex()));
    else if (isa<ProgressOp>(op))
      lowered =
          spread(walker_.batchNumber(builder_, loc, parameters + objective_.getStates().size()));
    else if (isa<BatchSizeOp>(op))
      lowered =
          spread(arith::SIToFPOp::create(builder_, loc, real(), walker_.pairs(builder_, loc)));
    else
      lowered = lower(builder_, op);
  }

  void reorder(Operation *op) {
    Reordering reordering;
    reordering.isSort = isa<BatchSortOp>(op);
    reordering.from = storedFrom_.at(op);
    reordering.to = storedIn_.at(op->getResult(0));
    if (auto unsort = dyn_cast<BatchUnsortOp>(op))
      reordering.permutation = storedIn_.at(unsort.getSorted());
    else
      reordering.permutation = reordering.to;
    walker_.reorder(reordering);
  }

  //===--- The pairs of a walk ----------------------------------------------------------------===//

  /// Returns NaN in the lanes of pairs of which an array gets a number that is not finite.
  Value emitPairs(OpBuilder &builder, ArrayRef<Operation *> ops, ArrayRef<Value> read,
                  ArrayRef<size_t> arrays, ArrayRef<Operation *> reordered) {
    unsigned lastTokenWalk = 0;
    for (Operation *op : ops)
      lastTokenWalk = std::max(lastTokenWalk, tokenWalkOf_.lookup(op->getResult(0)));
    for (unsigned tokenWalk = 0; tokenWalk <= lastTokenWalk; ++tokenWalk) {
      for (Operation *op : ops)
        if (extent(op->getResult(0)) == Extent::Pair && !isa<TokenSumOp>(op) &&
            tokenWalkOf_.lookup(op->getResult(0)) == tokenWalk)
          emitPairValue(builder, op);
      for (Extent side : kSides)
        emitTokenSums(builder, ops, side, tokenWalk);
    }
    for (Value value : read)
      loadIfMemory(builder, value, Extent::Pair);
    LaneMath m(builder, loc(), walker_.lanes());
    Value health;
    const auto watch = [&](Value nothing) { health = health ? m.add(health, nothing) : nothing; };
    llvm::DenseSet<Value> watched; // often two gradients are one, but for the sign
    for (size_t index : arrays)
      if (!isToken(entry_.arrays[index].extent)) {
        Value value = entry_.arrays[index].value;
        walker_.store(builder, loc(), lowered_.at(value), outputs_.at(index));
        while (auto negated = value.getDefiningOp<NegOp>())
          value = negated.getX();
        if (entry_.watched && watched.insert(value).second)
          watch(nothingIfFinite(builder, lowered_.at(value)));
      }
    for (Operation *op : reordered)
      walker_.store(builder, op->getLoc(), lowered_.at(op->getOperand(0)), stores_.at(op));
    for (Extent side : kSides)
      for (Value nothing : storeTokens(builder, arrays, side))
        watch(nothing);
    return health;
  }

  /// Values in memory are loaded where they are first read.
  void loadIfMemory(OpBuilder &builder, Value value, Extent wanted) {
    if (extent(value) == wanted && pointers_.contains(value) && !lowered_.contains(value))
      lowered_[value] = walker_.load(builder, value.getLoc(), pointers_.at(value));
  }

  void emitPairValue(OpBuilder &builder, Operation *op) {
    if (isReordering(op) || pointers_.contains(op->getResult(0)))
      return;
    for (Value operand : op->getOperands())
      loadIfMemory(builder, operand, Extent::Pair);
    Value &lowered = lowered_[op->getResult(0)];
    if (auto count = dyn_cast<TokenCountOp>(op))
      lowered = walker_.tokenCount(builder, op->getLoc(),
                                   count.getChosen() ? Extent::ChosenToken : Extent::RejectedToken);
    else if (auto weight = dyn_cast<QuantileWeightOp>(op))
      lowered = emitQuantileWeight(builder, weight);
    else
      lowered = lower(builder, op);
  }

  // 1 - |rank - level (n - 1)|, at least 0; in double, in which large ranks have fractions.
  Value emitQuantileWeight(OpBuilder &builder, QuantileWeightOp op) {
    const Location loc = op.getLoc();
    auto [rank, count] = walker_.rank(builder, loc);
    LaneMath m(builder, loc, rank.getType());
    Value level = convertReal(builder, loc, lowered_.at(op.getLevel()), rank.getType());
    Value last = m.sub(count, m.number(1));
    Value distance = m.abs(m.sub(rank, m.mul(level, last)));
    Value weight = m.max(m.sub(m.number(1), distance), m.number(0));
    return convertReal(builder, loc, weight, walker_.lanes());
  }

  //===--- The tokens of a pair ---------------------------------------------------------------===//

  void emitTokenSums(OpBuilder &builder, ArrayRef<Operation *> ops, Extent side,
                     unsigned tokenWalk) {
    SmallVector<Value> sums, terms;
    for (Operation *op : ops)
      if (isa<TokenSumOp>(op) && extent(op->getOperand(0)) == side &&
          !pointers_.contains(op->getResult(0)) &&
          tokenWalkOf_.lookup(op->getResult(0)) == tokenWalk + 1) {
        sums.push_back(op->getResult(0));
        terms.push_back(op->getOperand(0));
      }
    if (sums.empty())
      return;
    const SmallVector<Value> totals =
        walkTokens(builder, side, terms, sums.size(), [&](OpBuilder &) {
          return llvm::map_to_vector(terms, [&](Value term) { return lowered_.at(term); });
        });
    for (auto [sum, total] : llvm::zip_equal(sums, totals))
      lowered_[sum] = total;
  }

  /// Returns, where that is watched, 0 for each array or NaN if a number in it is not finite.
  SmallVector<Value> storeTokens(OpBuilder &builder, ArrayRef<size_t> arrays, Extent side) {
    SmallVector<size_t> mine;
    SmallVector<Value> values;
    for (size_t index : arrays)
      if (entry_.arrays[index].extent == side) {
        mine.push_back(index);
        values.push_back(entry_.arrays[index].value);
      }
    if (mine.empty())
      return {};
    const size_t sums = entry_.watched ? mine.size() : 0;
    return walkTokens(builder, side, values, sums, [&](OpBuilder &inner) {
      SmallVector<Value> nothings;
      for (auto [index, value] : llvm::zip_equal(mine, values)) {
        walker_.store(inner, loc(), lowered_.at(value), outputs_.at(index));
        if (entry_.watched)
          nothings.push_back(nothingIfFinite(inner, lowered_.at(value)));
      }
      return nothings;
    });
  }

  /// Computes `values` for each token of the pair, calls `use` there, and returns the sums of what
  /// it returns.
  SmallVector<Value> walkTokens(OpBuilder &builder, Extent side, ArrayRef<Value> values,
                                size_t sums, function_ref<SmallVector<Value>(OpBuilder &)> use) {
    SmallVector<Operation *> ops;
    SmallVector<Value> read(values);
    for (Operation *op : slice(values, true))
      if (extent(op->getResult(0)) == side) {
        ops.push_back(op);
        llvm::append_range(read, op->getOperands());
      }
    for (Value value : read)
      loadIfMemory(builder, value, Extent::Pair);
    SmallVector<Value> totals =
        walker_.forEachToken(builder, loc(), side, sums, [&](OpBuilder &inner) {
          for (Value value : read)
            loadIfMemory(inner, value, side);
          for (Operation *op : ops)
            lowered_[op->getResult(0)] =
                isa<TokenIndexOp>(op) ? walker_.tokenIndex(inner, op->getLoc()) : lower(inner, op);
          return use(inner);
        });
    // They belong to the tokens of this walk.
    for (Value value : read)
      if (extent(value) == side)
        lowered_.erase(value);
    for (Operation *op : ops)
      lowered_.erase(op->getResult(0));
    return totals;
  }

  //===--- Means ------------------------------------------------------------------------------===//

  void emitMeans() {
    if (entry_.means.empty())
      return;
    walker_.beginWalk(builder_, loc());
    lowered_.clear();
    const Type f64 = builder_.getF64Type();
    Value pairs = walker_.pairs(builder_, loc());
    SmallVector<Value> ofBatch;
    for (Value mean : entry_.means)
      if (extent(mean) == Extent::Batch)
        ofBatch.push_back(mean);
    for (Operation *op : slice(ofBatch, true))
      emitBatchValue(op);
    Value zero = arith::ConstantOp::create(builder_, loc(), builder_.getI64IntegerAttr(0));
    const auto write = [&](OpBuilder &builder, Location loc) {
      Value count = arith::SIToFPOp::create(builder, loc, f64, pairs);
      for (auto [index, value] : llvm::enumerate(entry_.means)) {
        Value mean;
        if (auto total = totalOfMean_.find(index); total != totalOfMean_.end()) {
          // In double: of no pairs 0 / 0 is NaN, and a sum beyond float32 still has a mean.
          Value sum = walker_.total(builder, loc, total->second);
          mean = convertReal(builder, loc, arith::DivFOp::create(builder, loc, sum, count), real());
        } else {
          Value isEmpty =
              arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, pairs, zero);
          Value nan = arith::ConstantOp::create(
              builder, loc, builder.getFloatAttr(real(), std::numeric_limits<double>::quiet_NaN()));
          mean = arith::SelectOp::create(builder, loc, isEmpty, nan,
                                         walker_.anyLane(builder, loc, lowered_.at(value)));
        }
        walker_.storeMean(builder, loc, mean, index);
      }
    };
    if (entry_.meansOfNothing)
      return write(builder_, loc());
    Value isAny = arith::CmpIOp::create(builder_, loc(), arith::CmpIPredicate::sgt, pairs, zero);
    scf::IfOp::create(builder_, loc(), isAny, [&](OpBuilder &builder, Location loc) {
      write(builder, loc);
      scf::YieldOp::create(builder, loc);
    });
  }

  OpBuilder &builder_;
  ObjectiveOp objective_;
  const EntryPoint &entry_;
  PairWalker &walker_;
  SmallVector<Operation *> needed_;
  /// How many walks, one after another, come before a value is known; and, within its walk, how
  /// many walks over the tokens of its pair.
  llvm::DenseMap<Value, unsigned> walkOf_, tokenWalkOf_;
  unsigned lastWalk_ = 0;
  /// What later walks find: totals by number, and arrays of reorderings by number.
  llvm::DenseMap<Value, size_t> totalOf_, storedIn_;
  llvm::DenseMap<size_t, size_t> totalOfMean_;
  llvm::DenseMap<Operation *, size_t> storedFrom_;
  size_t totals_ = 0, stored_ = 0;
  /// Of the walk being emitted: what each value is in lanes, and where those in memory lie.
  llvm::DenseMap<Value, Value> lowered_, pointers_;
  llvm::DenseMap<size_t, Value> outputs_;
  llvm::DenseMap<Operation *, Value> stores_;
};

} // namespace

void disco::obj::emitEntryPoint(OpBuilder &builder, ObjectiveOp objective, const EntryPoint &entry,
                                PairWalker &walker) {
  Emitter(builder, objective, entry, walker).run();
}

EntryPoint disco::obj::gradientResults(ObjectiveOp objective) {
  EntryPoint entry;
  entry.means.push_back(objective.getYield().getLoss());
  for (auto [name, gradient] : llvm::zip_equal(objective.getWrt().getAsValueRange<StringAttr>(),
                                               objective.getYield().getGradients())) {
    Value input = objective.getInput(name);
    entry.arrays.push_back({gradient, input ? extentOf(input.getType()) : Extent::Pair});
  }
  entry.meansOfNothing = true;
  return entry;
}

EntryPoint disco::obj::reportResults(ObjectiveOp objective) {
  EntryPoint entry;
  entry.arrays.push_back({objective.getYield().getLoss()});
  for (Value reward : objective.getYield().getRewards())
    entry.arrays.push_back({reward});
  llvm::append_range(entry.means, objective.getYield().getMetrics());
  return entry;
}

Value disco::obj::convertReal(OpBuilder &builder, Location loc, Value value, Type type) {
  const auto width = [](Type t) { return getElementTypeOrSelf(t).getIntOrFloatBitWidth(); };
  if (width(value.getType()) < width(type))
    return arith::ExtFOp::create(builder, loc, type, value);
  if (width(value.getType()) > width(type))
    return arith::TruncFOp::create(builder, loc, type, value);
  return value;
}

bool disco::obj::readsTokens(ObjectiveOp objective) {
  Block &block = objective.getBody().front();
  return llvm::any_of(block.getArguments(),
                      [](BlockArgument input) { return isToken(extentOf(input.getType())); }) ||
         llvm::any_of(block, [](Operation &op) { return isa<TokenIndexOp, TokenCountOp>(op); });
}
