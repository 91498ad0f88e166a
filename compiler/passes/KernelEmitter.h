// The order of work inside a kernel, the same for every target: as many walks over the pairs as
// batch reductions depend on each other, and one more where the results still need one. Values of
// pairs are computed again in each walk that needs them; nothing is stored in between.
#pragma once

#include "compiler/dialect/Obj.h"
#include "mlir/IR/Builders.h"

namespace disco::obj {

/// How one target walks over the pairs and moves numbers.
class PairWalker {
public:
  virtual ~PairWalker() = default;
  /// What a real becomes: f32, or a vector of f32 with one lane per pair handled at once.
  virtual mlir::Type lanes() const = 0;
  /// Runs `body` for all pairs. It returns `sums` values of type lanes(); the f64 sum over pairs of
  /// each comes back, added in one fixed order.
  virtual llvm::SmallVector<mlir::Value>
  forEachPair(mlir::OpBuilder &builder, mlir::Location loc, size_t sums,
              llvm::function_ref<llvm::SmallVector<mlir::Value>(mlir::OpBuilder &)> body) = 0;
  /// Inside `body`: the numbers of the current pairs in a float32 array, and their place in
  /// another.
  virtual mlir::Value load(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value pointer) = 0;
  virtual void store(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value,
                     mlir::Value pointer) = 0;
  /// Outside `body`: one f32 in every lane, a lane of a value that is the same in all, and a number
  /// stored once.
  virtual mlir::Value spread(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value scalar) = 0;
  virtual mlir::Value anyLane(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value value) = 0;
  virtual void storeOnce(mlir::OpBuilder &builder, mlir::Location loc, mlir::Value scalar,
                         mlir::Value pointer) = 0;
};

/// One function to fill: where its inputs are and which results go where.
struct EntryPoint {
  struct Output {
    mlir::Value value;   // in the objective
    mlir::Value pointer; // to float32
  };
  llvm::SmallVector<mlir::Value> inputs;     // pointers, one per objective input
  llvm::SmallVector<mlir::Value> parameters; // f32, by index; null where not needed
  mlir::Value pairs;                         // i64
  llvm::SmallVector<Output> perPair;
  llvm::SmallVector<Output> means;
  /// Whether means are written (as NaN) when there are no pairs.
  bool meansOfNothing = false;
};

/// Emits the body of `entry` at the builder's place.
void emitEntryPoint(mlir::OpBuilder &builder, ObjectiveOp objective, const EntryPoint &entry,
                    PairWalker &walker);

/// The results of the two entry points of runtime/Kernel.h; pointers are left null.
EntryPoint gradientResults(ObjectiveOp objective);
EntryPoint reportResults(ObjectiveOp objective);

} // namespace disco::obj
