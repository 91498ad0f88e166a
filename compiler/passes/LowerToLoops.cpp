// obj-lower-to-loops: host functions that runtime/Plan.h calls, one for each walk over the pairs.
// Memory is reached through bare pointers and masked vector loads, so there is one loop body and no
// tail; what is not memory stays in arith, math and scf.
//
// For the entry points `gradient` and `report` the module gets functions NAME_0, NAME_1, ... of the
// C type
//   void (const frame *, int64_t begin, int64_t end, double *sums)
// and an attribute `disco.NAME` that says in which order they run (runtime/Plan.h has both). The
// last one writes the means; begin, end and sums mean nothing to it.
#include "compiler/passes/KernelEmitter.h"
#include "compiler/passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/TypeUtilities.h"

namespace disco::obj {
#define GEN_PASS_DEF_OBJLOWERTOLOOPS
#include "compiler/passes/Passes.h.inc"
} // namespace disco::obj

using namespace mlir;
using namespace disco::obj;

namespace {

/// 16 floats: one AVX-512 register; two of AVX2, which costs nothing. The same for every target and
/// type, so that sums are taken in one order.
constexpr int64_t kLanes = 16;
/// Arrays may start anywhere.
constexpr unsigned kAlignment = 1;

/// The fields of runtime::Frame, each 8 bytes.
enum Field { kInputs, kNumbers, kPairs, kOutputs, kTotals, kStored };

/// Lanes are pairs; or, for objectives that read tokens, the tokens of one pair, whose own values
/// are then the same in all lanes.
class HostWalker : public PairWalker {
public:
  HostWalker(OpBuilder &builder, ObjectiveOp objective, StringRef name, const EntryPoint &entry,
             Type real)
      : objective_(objective), name_(name), arrays_(entry.arrays.size()),
        onePair_(readsTokens(objective)), real_(real), lanes_(VectorType::get(kLanes, real)),
        wide_(VectorType::get(kLanes, builder.getF64Type())),
        pointer_(LLVM::LLVMPointerType::get(builder.getContext())) {}

  Type lanes() const override { return lanes_; }
  const std::string &plan() const { return plan_; }

  // ---- functions ----

  void beginWalk(OpBuilder &builder, Location loc) override {
    endFunction(builder);
    builder.setInsertionPoint(objective_);
    const Type i64 = builder.getI64Type();
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()),
                                            {pointer_, i64, i64, pointer_});
    function_ =
        LLVM::LLVMFuncOp::create(builder, loc, name_ + "_" + std::to_string(functions_++), type);
    function_.setNoUnwind(true);
    builder.setInsertionPointToStart(function_.addEntryBlock(builder));
  }
  void endFunction(OpBuilder &builder) {
    if (function_)
      LLVM::ReturnOp::create(builder, function_.getLoc(), ValueRange());
  }

  Value input(OpBuilder &builder, Location loc, size_t index) override {
    return pointerAt(builder, loc, field(builder, loc, kInputs), index);
  }
  Value output(OpBuilder &builder, Location loc, size_t index) override {
    return pointerAt(builder, loc, field(builder, loc, kOutputs), index);
  }
  Value stored(OpBuilder &builder, Location loc, size_t index) override {
    return pointerAt(builder, loc, field(builder, loc, kStored), index);
  }
  Value batchNumber(OpBuilder &builder, Location loc, size_t index) override {
    Value address = element(builder, loc, field(builder, loc, kNumbers),
                            integer(builder, loc, int64_t(index)), real_);
    return LLVM::LoadOp::create(builder, loc, real_, address, kAlignment);
  }
  Value pairs(OpBuilder &builder, Location loc) override {
    return LLVM::LoadOp::create(builder, loc, builder.getI64Type(),
                                fieldAddress(builder, loc, kPairs));
  }
  Value total(OpBuilder &builder, Location loc, size_t index) override {
    Value address = element(builder, loc, field(builder, loc, kTotals),
                            integer(builder, loc, int64_t(index)), builder.getF64Type());
    return LLVM::LoadOp::create(builder, loc, builder.getF64Type(), address);
  }

  // ---- the pairs ----

  // Lane k adds the pairs begin + k, begin + k + 16, ... in double; at the end the lanes are added
  // from 0 to 15. One pair at a time, the pairs are added in their order.
  void forEachPair(OpBuilder &builder, Location loc, ArrayRef<Reduction> reductions,
                   function_ref<SmallVector<Value>(OpBuilder &)> body) override {
    plan_ += plan_.empty() ? "walk" : "; walk";
    for (Reduction reduction : reductions)
      plan_ += word(reduction);
    Value count = pairs(builder, loc);
    Value step = integer(builder, loc, onePair_ ? 1 : kLanes);
    SmallVector<Value> start;
    for (Reduction reduction : reductions)
      start.push_back(neutral(builder, loc, reduction, onePair_));
    auto loop = scf::ForOp::create(
        builder, loc, begin(), end(), step, start,
        [&](OpBuilder &inner, Location loc, Value first, ValueRange partial) {
          first_ = first;
          count_ = count;
          if (!onePair_)
            mask_ = activeLanes(inner, loc, first, end());
          SmallVector<Value> next;
          for (auto [reduction, sum, term] : llvm::zip_equal(reductions, partial, body(inner)))
            next.push_back(
                combined(inner, loc, reduction, sum, onePair_ ? laneZero(inner, loc, term) : term));
          scf::YieldOp::create(inner, loc, next);
        });
    for (auto [index, reduction, partial] : llvm::enumerate(reductions, loop.getResults())) {
      Value total = onePair_ ? partial : overLanes(builder, loc, reduction, partial);
      total = convertReal(builder, loc, total, builder.getF64Type());
      Value address = element(builder, loc, function_.getArgument(3),
                              integer(builder, loc, int64_t(index)), builder.getF64Type());
      LLVM::StoreOp::create(builder, loc, total, address);
    }
  }

  void reorder(const Reordering &r) override {
    plan_ +=
        (r.isSort ? "; sort " : "; unsort ") + std::to_string(r.from) + " " + std::to_string(r.to);
    if (!r.isSort)
      plan_ += " " + std::to_string(r.permutation);
  }

  bool canKeep() const override { return true; }
  void keep(size_t stored) override {
    plan_ += (plan_.empty() ? "keep " : "; keep ") + std::to_string(stored);
  }

  Value load(OpBuilder &builder, Location loc, Value pointer) override {
    Value address = element(builder, loc, pointer, position(), real_);
    if (isUniform())
      return spread(builder, loc, LLVM::LoadOp::create(builder, loc, real_, address, kAlignment));
    Value none = arith::ConstantOp::create(builder, loc, builder.getZeroAttr(lanes_));
    return LLVM::MaskedLoadOp::create(builder, loc, lanes_, address, mask_, none,
                                      builder.getI32IntegerAttr(kAlignment));
  }

  void store(OpBuilder &builder, Location loc, Value value, Value pointer) override {
    Value address = element(builder, loc, pointer, position(), real_);
    if (isUniform())
      LLVM::StoreOp::create(builder, loc, laneZero(builder, loc, value), address, kAlignment);
    else
      LLVM::MaskedStoreOp::create(builder, loc, value, address, mask_, kAlignment);
  }

  std::pair<Value, Value> rank(OpBuilder &builder, Location loc) override {
    const auto inDouble = [&](Value number) {
      return spreadTo(builder, loc,
                      arith::SIToFPOp::create(builder, loc, builder.getF64Type(), number), wide_);
    };
    Value rank = inDouble(first_);
    if (!onePair_)
      rank = arith::AddFOp::create(builder, loc, rank, laneNumbers(builder, loc, wide_));
    return {rank, inDouble(count_)};
  }

  // ---- the tokens of a pair ----

  SmallVector<Value> forEachToken(OpBuilder &builder, Location loc, Extent side, size_t sums,
                                  function_ref<SmallVector<Value>(OpBuilder &)> body) override {
    auto [from, to] = tokens(builder, loc, side);
    const SmallVector<Value> start(sums, neutral(builder, loc, Reduction::Add, false));
    auto loop = scf::ForOp::create(
        builder, loc, from, to, integer(builder, loc, kLanes), start,
        [&, from = from, to = to](OpBuilder &inner, Location loc, Value first, ValueRange partial) {
          token_ = first;
          firstToken_ = from;
          mask_ = activeLanes(inner, loc, first, to);
          SmallVector<Value> next;
          for (auto [sum, term] : llvm::zip_equal(partial, body(inner)))
            next.push_back(combined(inner, loc, Reduction::Add, sum, term));
          token_ = {};
          scf::YieldOp::create(inner, loc, next);
        });
    SmallVector<Value> totals;
    for (Value partial : loop.getResults()) {
      Value total = overLanes(builder, loc, Reduction::Add, partial);
      totals.push_back(spread(builder, loc, convertReal(builder, loc, total, real_)));
    }
    return totals;
  }

  Value tokenCount(OpBuilder &builder, Location loc, Extent side) override {
    auto [from, to] = tokens(builder, loc, side);
    Value count = arith::SubIOp::create(builder, loc, to, from);
    return spread(builder, loc, arith::SIToFPOp::create(builder, loc, real_, count));
  }

  Value tokenIndex(OpBuilder &builder, Location loc) override {
    Value first = arith::SubIOp::create(builder, loc, token_, firstToken_);
    Value inFloat = arith::SIToFPOp::create(builder, loc, real_, first);
    return arith::AddFOp::create(builder, loc, spread(builder, loc, inFloat),
                                 laneNumbers(builder, loc, lanes_));
  }

  // ---- numbers ----

  Value spread(OpBuilder &builder, Location loc, Value scalar) override {
    return spreadTo(builder, loc, scalar, lanes_);
  }
  Value anyLane(OpBuilder &builder, Location loc, Value value) override {
    return laneZero(builder, loc, value);
  }
  void storeMean(OpBuilder &builder, Location loc, Value scalar, size_t index) override {
    if (index == 0)
      plan_ += plan_.empty() ? "means" : "; means";
    Value means = output(builder, loc, arrays_);
    LLVM::StoreOp::create(
        builder, loc, scalar,
        element(builder, loc, means, integer(builder, loc, int64_t(index)), real_), kAlignment);
  }

private:
  static Value integer(OpBuilder &builder, Location loc, int64_t value) {
    return arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(value));
  }
  Value begin() { return function_.getArgument(1); }
  Value end() { return function_.getArgument(2); }
  /// Whether what is loaded and stored now is one number for all lanes.
  bool isUniform() const { return onePair_ && !token_; }
  Value position() const { return token_ ? token_ : first_; }

  Value element(OpBuilder &builder, Location loc, Value pointer, Value index, Type type) {
    return LLVM::GEPOp::create(builder, loc, pointer_, type, pointer, index);
  }
  Value fieldAddress(OpBuilder &builder, Location loc, Field field) {
    return element(builder, loc, function_.getArgument(0), integer(builder, loc, field), pointer_);
  }
  Value field(OpBuilder &builder, Location loc, Field field) {
    return LLVM::LoadOp::create(builder, loc, pointer_, fieldAddress(builder, loc, field));
  }
  /// array[index], where array holds pointers.
  Value pointerAt(OpBuilder &builder, Location loc, Value array, size_t index) {
    return LLVM::LoadOp::create(
        builder, loc, pointer_,
        element(builder, loc, array, integer(builder, loc, int64_t(index)), pointer_));
  }

  /// Where the tokens of the current pair begin and end. The offsets are the inputs after those of
  /// the objective, the chosen side's first.
  std::pair<Value, Value> tokens(OpBuilder &builder, Location loc, Extent side) {
    const size_t array = objective_.getInputs().size() + (side == Extent::RejectedToken);
    Value offsets = input(builder, loc, array);
    const Type i64 = builder.getI64Type();
    Value next = arith::AddIOp::create(builder, loc, first_, integer(builder, loc, 1));
    const auto at = [&](Value index) -> Value {
      return LLVM::LoadOp::create(builder, loc, i64, element(builder, loc, offsets, index, i64));
    };
    return {at(first_), at(next)};
  }

  static Value spreadTo(OpBuilder &builder, Location loc, Value scalar, VectorType type) {
    Value zero = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
    Value any = LLVM::PoisonOp::create(builder, loc, type);
    Value first = LLVM::InsertElementOp::create(builder, loc, any, scalar, zero);
    return LLVM::ShuffleVectorOp::create(builder, loc, first, any, SmallVector<int32_t>(kLanes, 0));
  }
  /// 0, 1, 2, ...
  static Value laneNumbers(OpBuilder &builder, Location loc, VectorType type) {
    SmallVector<Attribute> numbers;
    for (int64_t lane = 0; lane < kLanes; ++lane)
      numbers.push_back(builder.getFloatAttr(type.getElementType(), double(lane)));
    return arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(type, numbers));
  }
  static Value laneZero(OpBuilder &builder, Location loc, Value lanes) {
    Value zero = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
    return LLVM::ExtractElementOp::create(builder, loc, lanes, zero);
  }

  /// In the plan.
  static StringRef word(Reduction reduction) {
    switch (reduction) {
    case Reduction::Add:
      return " add";
    case Reduction::Max:
      return " max";
    case Reduction::Loss:
      return " loss";
    case Reduction::Health:
      return " gradient";
    }
    llvm_unreachable("not a reduction");
  }

  /// What a reduction starts from: an f64 or lanes of it; Health is of the type of its terms.
  Value neutral(OpBuilder &builder, Location loc, Reduction reduction, bool scalar) {
    Type type = reduction == Reduction::Health ? lanes_ : wide_;
    TypedAttr number = builder.getFloatAttr(
        getElementTypeOrSelf(type),
        reduction == Reduction::Max ? -std::numeric_limits<double>::infinity() : 0);
    if (!scalar)
      number = DenseElementsAttr::get(cast<VectorType>(type), Attribute(number));
    return arith::ConstantOp::create(builder, loc, number);
  }

  /// `sum` with the term of each active lane, or of the one pair.
  Value combined(OpBuilder &builder, Location loc, Reduction reduction, Value sum, Value term) {
    const bool scalar = !isa<VectorType>(sum.getType());
    Value extended = convertReal(builder, loc, term, sum.getType());
    if (!scalar)
      extended = arith::SelectOp::create(builder, loc, mask_, extended,
                                         neutral(builder, loc, reduction, false));
    if (reduction == Reduction::Max)
      return arith::MaximumFOp::create(builder, loc, sum, extended);
    return arith::AddFOp::create(builder, loc, sum, extended);
  }
  static Value overLanes(OpBuilder &builder, Location loc, Reduction reduction, Value lanes) {
    const Type f64 = builder.getF64Type();
    const auto number = [&](double value) -> Value {
      return arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(value));
    };
    if (reduction == Reduction::Health) {
      Value isBad = arith::CmpFOp::create(builder, loc, arith::CmpFPredicate::UNO, lanes, lanes);
      Value any = LLVM::vector_reduce_or::create(builder, loc, builder.getI1Type(), isBad);
      return arith::SelectOp::create(builder, loc, any,
                                     number(std::numeric_limits<double>::quiet_NaN()), number(0));
    }
    if (reduction == Reduction::Max)
      return LLVM::vector_reduce_fmaximum::create(builder, loc, f64, lanes);
    return LLVM::vector_reduce_fadd::create(builder, loc, f64, number(0), lanes);
  }

  /// Lane k is on where first + k < last.
  Value activeLanes(OpBuilder &builder, Location loc, Value first, Value last) {
    const auto indices = cast<VectorType>(lanes_.clone(builder.getI32Type()));
    Value left = arith::SubIOp::create(builder, loc, last, first);
    Value count = arith::TruncIOp::create(
        builder, loc, builder.getI32Type(),
        arith::MinSIOp::create(builder, loc, left, integer(builder, loc, kLanes)));
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, laneIndices(builder, loc),
                                 spreadTo(builder, loc, count, indices));
  }
  /// 0, 1, 2, ... as i32.
  Value laneIndices(OpBuilder &builder, Location loc) {
    const auto type = cast<VectorType>(lanes_.clone(builder.getI32Type()));
    SmallVector<int32_t> numbers = llvm::to_vector(llvm::seq<int32_t>(0, kLanes));
    return arith::ConstantOp::create(builder, loc,
                                     DenseElementsAttr::get(type, ArrayRef<int32_t>(numbers)));
  }

  ObjectiveOp objective_;
  std::string name_, plan_;
  size_t arrays_; // outputs before the means
  bool onePair_;
  Type real_; // what arrays and numbers hold
  VectorType lanes_, wide_;
  Type pointer_;
  LLVM::LLVMFuncOp function_;
  size_t functions_ = 0;
  // Of the loop being emitted: the first pair or token, and which lanes are on.
  Value first_, count_, token_, firstToken_, mask_;
};

struct LowerToLoops : disco::obj::impl::ObjLowerToLoopsBase<LowerToLoops> {
  using ObjLowerToLoopsBase::ObjLowerToLoopsBase;

  void runOnOperation() override {
    for (ObjectiveOp objective : llvm::make_early_inc_range(getOperation().getOps<ObjectiveOp>())) {
      EntryPoint gradient = gradientResults(objective);
      gradient.watched = true;
      emit(objective, "gradient", gradient);
      emit(objective, "report", reportResults(objective));
      objective.erase();
    }
  }

  void emit(ObjectiveOp objective, StringRef name, const EntryPoint &entry) {
    OpBuilder builder(objective);
    const Type real = isFloat64 ? Type(builder.getF64Type()) : Type(builder.getF32Type());
    HostWalker walker(builder, objective, name, entry, real);
    emitEntryPoint(builder, objective, entry, walker);
    walker.endFunction(builder);
    getOperation()->setAttr(("disco." + name).str(), builder.getStringAttr(walker.plan()));
  }
};

} // namespace
