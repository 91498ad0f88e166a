// obj-lower-to-loops: host functions with the C ABI of runtime/Kernel.h. Memory is reached through
// bare pointers and masked vector loads, so there is one loop body and no tail; what is not memory
// stays in arith, math and scf.
#include "compiler/passes/KernelEmitter.h"
#include "compiler/passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"

namespace disco::obj {
#define GEN_PASS_DEF_OBJLOWERTOLOOPS
#include "compiler/passes/Passes.h.inc"
} // namespace disco::obj

using namespace mlir;
using namespace disco::obj;

namespace {

/// 16 floats: one AVX-512 register; two of AVX2, which costs nothing.
constexpr int64_t kLanes = 16;
/// float32 arrays may start anywhere that a float may.
constexpr unsigned kAlignment = 4;

class VectorWalker : public PairWalker {
public:
  VectorWalker(OpBuilder &builder, Value pairs)
      : lanes_(VectorType::get(kLanes, builder.getF32Type())), pairs_(pairs) {}

  Type lanes() const override { return lanes_; }

  // Lane k adds the pairs k, k + 16, k + 32, ... in double; at the end the lanes are added from 0
  // to 15.
  SmallVector<Value> forEachPair(OpBuilder &builder, Location loc, size_t sums,
                                 function_ref<SmallVector<Value>(OpBuilder &)> body) override {
    const auto wide = cast<VectorType>(lanes_.clone(builder.getF64Type()));
    Value zero = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(0));
    Value step = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(kLanes));
    Value nothing = arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(wide, 0.0));
    auto loop = scf::ForOp::create(
        builder, loc, zero, pairs_, step, SmallVector<Value>(sums, nothing),
        [&](OpBuilder &inner, Location loc, Value first, ValueRange partial) {
          first_ = first;
          mask_ = activeLanes(inner, loc, first);
          Value none = arith::ConstantOp::create(inner, loc, DenseElementsAttr::get(lanes_, 0.0f));
          SmallVector<Value> next;
          for (auto [sum, term] : llvm::zip_equal(partial, body(inner))) {
            Value counted = arith::SelectOp::create(inner, loc, mask_, term, none);
            Value extended = arith::ExtFOp::create(inner, loc, wide, counted);
            next.push_back(arith::AddFOp::create(inner, loc, sum, extended));
          }
          scf::YieldOp::create(inner, loc, next);
        });
    Value start = arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(0));
    SmallVector<Value> totals;
    for (Value partial : loop.getResults())
      totals.push_back(
          LLVM::vector_reduce_fadd::create(builder, loc, builder.getF64Type(), start, partial));
    return totals;
  }

  Value load(OpBuilder &builder, Location loc, Value pointer) override {
    Value none = arith::ConstantOp::create(builder, loc, DenseElementsAttr::get(lanes_, 0.0f));
    return LLVM::MaskedLoadOp::create(builder, loc, lanes_, element(builder, loc, pointer, first_),
                                      mask_, none, builder.getI32IntegerAttr(kAlignment));
  }

  void store(OpBuilder &builder, Location loc, Value value, Value pointer) override {
    LLVM::MaskedStoreOp::create(builder, loc, value, element(builder, loc, pointer, first_), mask_,
                                kAlignment);
  }

  Value spread(OpBuilder &builder, Location loc, Value scalar) override {
    return spreadTo(builder, loc, scalar, lanes_);
  }

  Value anyLane(OpBuilder &builder, Location loc, Value value) override {
    Value zero = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
    return LLVM::ExtractElementOp::create(builder, loc, value, zero);
  }

  void storeOnce(OpBuilder &builder, Location loc, Value scalar, Value pointer) override {
    LLVM::StoreOp::create(builder, loc, scalar, pointer, kAlignment);
  }

  static Value element(OpBuilder &builder, Location loc, Value pointer, Value index) {
    return LLVM::GEPOp::create(builder, loc, pointer.getType(), builder.getF32Type(), pointer,
                               index);
  }

private:
  static Value spreadTo(OpBuilder &builder, Location loc, Value scalar, VectorType type) {
    Value zero = arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(0));
    Value any = LLVM::PoisonOp::create(builder, loc, type);
    Value first = LLVM::InsertElementOp::create(builder, loc, any, scalar, zero);
    return LLVM::ShuffleVectorOp::create(builder, loc, first, any, SmallVector<int32_t>(kLanes, 0));
  }

  /// Lane k is on when pair first + k exists.
  Value activeLanes(OpBuilder &builder, Location loc, Value first) {
    const auto indices = cast<VectorType>(lanes_.clone(builder.getI32Type()));
    Value left = arith::SubIOp::create(builder, loc, pairs_, first);
    Value most = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(kLanes));
    Value count = arith::TruncIOp::create(builder, loc, builder.getI32Type(),
                                          arith::MinSIOp::create(builder, loc, left, most));
    SmallVector<int32_t> numbers = llvm::to_vector(llvm::seq<int32_t>(0, kLanes));
    Value lane = arith::ConstantOp::create(
        builder, loc, DenseElementsAttr::get(indices, ArrayRef<int32_t>(numbers)));
    return arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::slt, lane,
                                 spreadTo(builder, loc, count, indices));
  }

  VectorType lanes_;
  Value pairs_;
  Value first_, mask_; // of the walk being emitted
};

struct LowerToLoops : disco::obj::impl::ObjLowerToLoopsBase<LowerToLoops> {
  void runOnOperation() override {
    for (ObjectiveOp objective : llvm::make_early_inc_range(getOperation().getOps<ObjectiveOp>())) {
      OpBuilder builder(objective);
      emitGradient(builder, objective);
      emitReport(builder, objective);
      objective.erase();
    }
  }

  // void gradient(inputs, parameters, pairs, loss, gradients)
  static void emitGradient(OpBuilder builder, ObjectiveOp objective) {
    LLVM::LLVMFuncOp function = begin(builder, objective, "gradient");
    EntryPoint entry = gradientResults(objective);
    fillInputs(builder, objective, function, entry);
    entry.means.front().pointer = function.getArgument(3);
    for (auto [index, output] : llvm::enumerate(entry.perPair))
      output.pointer = pointerAt(builder, objective.getLoc(), function.getArgument(4), index);
    finish(builder, objective, entry);
  }

  // void report(inputs, parameters, pairs, losses, rewards, metrics)
  static void emitReport(OpBuilder builder, ObjectiveOp objective) {
    LLVM::LLVMFuncOp function = begin(builder, objective, "report");
    EntryPoint entry = reportResults(objective);
    fillInputs(builder, objective, function, entry);
    entry.perPair.front().pointer = function.getArgument(3);
    for (auto [index, output] : llvm::enumerate(llvm::drop_begin(entry.perPair)))
      output.pointer = pointerAt(builder, objective.getLoc(), function.getArgument(4), index);
    for (auto [index, output] : llvm::enumerate(entry.means))
      output.pointer = VectorWalker::element(builder, objective.getLoc(), function.getArgument(5),
                                             number(builder, objective.getLoc(), index));
    finish(builder, objective, entry);
  }

  static LLVM::LLVMFuncOp begin(OpBuilder &builder, ObjectiveOp objective, StringRef name) {
    const Type pointer = LLVM::LLVMPointerType::get(builder.getContext());
    SmallVector<Type> arguments = {pointer, pointer, builder.getI64Type(), pointer, pointer};
    if (name == "report")
      arguments.push_back(pointer);
    auto type =
        LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(builder.getContext()), arguments);
    auto function = LLVM::LLVMFuncOp::create(builder, objective.getLoc(), name, type);
    function.setNoUnwind(true);
    builder.setInsertionPointToStart(function.addEntryBlock(builder));
    return function;
  }

  static void fillInputs(OpBuilder &builder, ObjectiveOp objective, LLVM::LLVMFuncOp function,
                         EntryPoint &entry) {
    const Location loc = objective.getLoc();
    for (size_t index = 0; index < objective.getInputs().size(); ++index)
      entry.inputs.push_back(pointerAt(builder, loc, function.getArgument(0), index));
    entry.parameters.resize(objective.getParameters().size());
    for (ParameterOp parameter : objective.getBody().getOps<ParameterOp>()) {
      const size_t index = parameter.getIndex();
      Value address =
          VectorWalker::element(builder, loc, function.getArgument(1), number(builder, loc, index));
      entry.parameters[index] =
          LLVM::LoadOp::create(builder, loc, builder.getF32Type(), address, kAlignment);
    }
    entry.pairs = function.getArgument(2);
  }

  static void finish(OpBuilder &builder, ObjectiveOp objective, const EntryPoint &entry) {
    VectorWalker walker(builder, entry.pairs);
    emitEntryPoint(builder, objective, entry, walker);
    LLVM::ReturnOp::create(builder, objective.getLoc(), ValueRange());
  }

  static Value number(OpBuilder &builder, Location loc, int64_t value) {
    return arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(value));
  }

  /// array[index], where array holds pointers.
  static Value pointerAt(OpBuilder &builder, Location loc, Value array, int64_t index) {
    Value address = LLVM::GEPOp::create(builder, loc, array.getType(), array.getType(), array,
                                        number(builder, loc, index));
    return LLVM::LoadOp::create(builder, loc, array.getType(), address);
  }
};

} // namespace
