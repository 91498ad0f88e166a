// The order of work inside a kernel, the same for every target: as many walks over the pairs as
// batch reductions depend on each other, and one more where the results still need one. Values of
// pairs are computed again in each walk that needs them; what is stored in between is what a sort
// has to reorder, and what is too long to repeat. Tokens are walked inside a pair, in the same way.
#pragma once

#include "compiler/dialect/Obj.h"
#include "mlir/IR/Builders.h"

namespace disco::obj {

/// Loss adds, too, and a caller looks whether the sum is finite (runtime/Plan.h). Health adds terms
/// that are 0 or NaN, which is all that is told of them.
enum class Reduction : uint8_t { Add, Max, Loss, Health };

/// A number per pair that outlives a walk, and how the target makes it from another.
struct Reordering {
  bool isSort = true;      // else values in the order of `permutation` go back to their pairs
  size_t from = 0, to = 0; // arrays of [pairs]
  size_t permutation = 0;  // of the sort
};

/// How one target walks over the pairs and moves numbers.
class PairWalker {
public:
  virtual ~PairWalker() = default;
  /// What a real becomes: a float, or a vector of them with one lane per pair (or token) handled
  /// at once.
  virtual mlir::Type lanes() const = 0;

  /// A walk begins: whatever is built until the next one may use only what this walk makes.
  virtual void beginWalk(mlir::OpBuilder &builder, mlir::Location loc) = 0;
  /// Outside `body`: the arrays of inputs, outputs and reorderings by index, numbers of the batch
  /// (parameters, then states, then progress), and how many pairs there are, i64.
  virtual mlir::Value input(mlir::OpBuilder &builder, mlir::Location loc, size_t index) = 0;
  virtual mlir::Value output(mlir::OpBuilder &builder, mlir::Location loc, size_t index) = 0;
  virtual mlir::Value stored(mlir::OpBuilder &builder, mlir::Location loc, size_t index) = 0;
  virtual mlir::Value batchNumber(mlir::OpBuilder &builder, mlir::Location loc, size_t index) = 0;
  virtual mlir::Value pairs(mlir::OpBuilder &builder, mlir::Location loc) = 0;
  /// A reduction of an earlier walk, f64, counted through all walks.
  virtual mlir::Value total(mlir::OpBuilder &builder, mlir::Location loc, size_t index) = 0;

  /// Runs `body` for all pairs. It returns one value of type lanes() for each reduction, each of
  /// which is taken in one fixed order and becomes the next total().
  virtual void
  forEachPair(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<Reduction> reductions,
              llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &)> body) = 0;
  /// Between walks.
  virtual void reorder(const Reordering &reordering) = 0;
  /// Whether there are arrays of [pairs] in which a walk may leave what later ones read, and the
  /// announcement of one.
  virtual bool canKeep() const { return false; }
  virtual void keep(size_t /*stored*/) {}

  /// Inside `body`: the numbers of the current pairs (or tokens) in an array, and their
  /// place in another; which pairs these are and how many there are, both f64 in lanes.
  virtual mlir::Value load(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value pointer) = 0;
  virtual void store(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                     mlir::Value pointer) = 0;
  virtual std::pair<mlir::Value, mlir::Value> rank(mlir::OpBuilder &builder,
                                                   mlir::Location loc) = 0;

  /// Inside `body`, where lanes() are all the same: runs `tokens` for the tokens of the current
  /// pair on one side. Returns the sum of each of the `sums` values it returns, in lanes().
  virtual llvm::SmallVector<mlir::Value>
  forEachToken(mlir::OpBuilder &builder, mlir::Location loc, Extent side, size_t sums,
               llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &)> tokens) = 0;
  virtual mlir::Value tokenCount(mlir::OpBuilder &builder, mlir::Location loc, Extent side) = 0;
  /// Inside `tokens`: their places in the completion.
  virtual mlir::Value tokenIndex(mlir::OpBuilder &builder, mlir::Location loc) = 0;

  /// Outside `body`: one number in every lane, a lane of a value that is the same in all, and a
  /// mean stored once.
  virtual mlir::Value spread(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value scalar) = 0;
  virtual mlir::Value anyLane(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value) = 0;
  virtual void storeMean(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value scalar,
                         size_t index) = 0;
};

/// The results of one entry point.
struct EntryPoint {
  struct Output {
    mlir::Value value;
    Extent extent = Extent::Pair; // of the array; it may be wider than the value
  };
  llvm::SmallVector<Output> arrays;
  llvm::SmallVector<mlir::Value> means;
  /// Whether means are written (as NaN) when there are no pairs.
  bool meansOfNothing = false;
  /// Whether the walks also tell if a term of a mean (the loss), or a number of an array (the
  /// gradients), is not finite.
  bool watched = false;
};

/// The results of the two entry points of runtime/Kernel.h.
EntryPoint gradientResults(ObjectiveOp objective);
EntryPoint reportResults(ObjectiveOp objective);

/// A float or lanes of floats as those of `type`: rounded, exactly, or as it is.
mlir::Value convertReal(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                        mlir::Type type);

/// Whether the objective reads tokens: then a walk handles one pair at a time, and its tokens in
/// lanes.
bool readsTokens(ObjectiveOp objective);

/// Emits the walks of `entry` and, last, the writing of its means.
void emitEntryPoint(mlir::OpBuilder &builder, ObjectiveOp objective, const EntryPoint &entry,
                    PairWalker &walker);

} // namespace disco::obj
