// obj-lower-to-gpu: CUDA kernels of one block of 256 threads, so that a reduction over the batch
// needs no second launch. Thread t takes the pairs t, t + 256, ...; sums go through a warp by
// shuffles and between warps through shared memory.
//
// Arguments, all by value: the inputs' addresses, the parameters as f32, pairs as i64, then
//   gradient: loss, gradients...          report: losses, chosen rewards, rejected rewards, metrics
#include "compiler/passes/KernelEmitter.h"
#include "compiler/passes/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"

namespace disco::obj {
#define GEN_PASS_DEF_OBJLOWERTOGPU
#include "compiler/passes/Passes.h.inc"
} // namespace disco::obj

using namespace mlir;
using namespace disco::obj;

namespace {

constexpr int32_t kThreads = 256, kWarp = 32, kWarps = kThreads / kWarp;
constexpr unsigned kSharedMemory = 3; // NVVM's address space

class BlockWalker : public PairWalker {
public:
  /// What the kernel's arguments are. Means go to `means`, each to its own place.
  struct Arguments {
    ValueRange inputs, numbers, outputs;
    Value pairs, means;
  };
  /// `partials` names an f64 array in shared memory; sumsTaken() says how long it has to be.
  BlockWalker(OpBuilder &builder, Location loc, Arguments arguments, StringRef partials)
      : arguments_(arguments), pairs_(arguments.pairs), partials_(partials) {
    thread_ = NVVM::ThreadIdXOp::create(builder, loc, builder.getI32Type());
  }

  int64_t sumsTaken() const { return sumsTaken_; }

  Type lanes() const override { return Float32Type::get(pairs_.getContext()); }

  // All walks are in one function.
  void beginWalk(OpBuilder &, Location) override {}
  Value input(OpBuilder &, Location, size_t index) override { return arguments_.inputs[index]; }
  Value output(OpBuilder &, Location, size_t index) override { return arguments_.outputs[index]; }
  Value batchNumber(OpBuilder &, Location, size_t index) override {
    return arguments_.numbers[index];
  }
  Value pairs(OpBuilder &, Location) override { return pairs_; }
  Value total(OpBuilder &, Location, size_t index) override { return totals_[index]; }

  // What LowerToGpu refuses.
  Value stored(OpBuilder &, Location, size_t) override { llvm_unreachable("no sort"); }
  void reorder(const Reordering &) override { llvm_unreachable("no sort"); }
  std::pair<Value, Value> rank(OpBuilder &, Location) override { llvm_unreachable("no sort"); }
  SmallVector<Value> forEachToken(OpBuilder &, Location, Extent, size_t,
                                  function_ref<SmallVector<Value>(OpBuilder &)>) override {
    llvm_unreachable("no tokens");
  }
  Value tokenCount(OpBuilder &, Location, Extent) override { llvm_unreachable("no tokens"); }
  Value tokenIndex(OpBuilder &, Location) override { llvm_unreachable("no tokens"); }

  void forEachPair(OpBuilder &builder, Location loc, ArrayRef<Reduction> reductions,
                   function_ref<SmallVector<Value>(OpBuilder &)> body) override {
    const size_t sums = reductions.size();
    Value start = arith::ExtUIOp::create(builder, loc, builder.getI64Type(), thread_);
    Value step = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(kThreads));
    Value zero = arith::ConstantOp::create(builder, loc, builder.getF64FloatAttr(0));
    auto loop =
        scf::ForOp::create(builder, loc, start, pairs_, step, SmallVector<Value>(sums, zero),
                           [&](OpBuilder &inner, Location loc, Value pair, ValueRange partial) {
                             pair_ = pair;
                             SmallVector<Value> next;
                             for (auto [sum, term] : llvm::zip_equal(partial, body(inner))) {
                               Value extended =
                                   arith::ExtFOp::create(inner, loc, inner.getF64Type(), term);
                               next.push_back(arith::AddFOp::create(inner, loc, sum, extended));
                             }
                             scf::YieldOp::create(inner, loc, next);
                           });
    if (sums > 0)
      llvm::append_range(totals_, sumOverBlock(builder, loc, loop.getResults()));
  }

  Value load(OpBuilder &builder, Location loc, Value pointer) override {
    return LLVM::LoadOp::create(builder, loc, lanes(), element(builder, loc, pointer, pair_));
  }
  void store(OpBuilder &builder, Location loc, Value value, Value pointer) override {
    LLVM::StoreOp::create(builder, loc, value, element(builder, loc, pointer, pair_));
  }
  Value spread(OpBuilder &, Location, Value scalar) override { return scalar; }
  Value anyLane(OpBuilder &, Location, Value value) override { return value; }
  void storeMean(OpBuilder &builder, Location loc, Value scalar, size_t index) override {
    Value place = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(index));
    Value pointer = element(builder, loc, arguments_.means, place);
    Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, thread_,
                                          integer(builder, loc, 0));
    scf::IfOp::create(builder, loc, isFirst, [&](OpBuilder &inner, Location loc) {
      LLVM::StoreOp::create(inner, loc, scalar, pointer);
      scf::YieldOp::create(inner, loc);
    });
  }

  static Value element(OpBuilder &builder, Location loc, Value pointer, Value index) {
    return LLVM::GEPOp::create(builder, loc, pointer.getType(), builder.getF32Type(), pointer,
                               index);
  }

private:
  static Value integer(OpBuilder &builder, Location loc, int32_t value) {
    return arith::ConstantOp::create(builder, loc, builder.getI32IntegerAttr(value));
  }

  // A butterfly in each warp, then the warps in order; every thread gets the same bits. Each sum
  // has places of its own in shared memory, so that one barrier is enough.
  SmallVector<Value> sumOverBlock(OpBuilder &builder, Location loc, ValueRange perThread) {
    Value inWarp = arith::AndIOp::create(builder, loc, thread_, integer(builder, loc, kWarp - 1));
    Value warp = arith::ShRUIOp::create(builder, loc, thread_, integer(builder, loc, 5));
    Value isFirst = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq, inWarp,
                                          integer(builder, loc, 0));
    const int64_t firstSum = sumsTaken_;
    sumsTaken_ += int64_t(perThread.size());
    SmallVector<Value> warpSums;
    for (Value sum : perThread) {
      for (int32_t distance = kWarp / 2; distance > 0; distance /= 2)
        sum = arith::AddFOp::create(builder, loc, sum, exchange(builder, loc, sum, distance));
      warpSums.push_back(sum);
    }
    scf::IfOp::create(builder, loc, isFirst, [&](OpBuilder &inner, Location loc) {
      for (auto [index, sum] : llvm::enumerate(warpSums))
        LLVM::StoreOp::create(inner, loc, sum, place(inner, loc, firstSum + int64_t(index), warp));
      scf::YieldOp::create(inner, loc);
    });
    NVVM::Barrier0Op::create(builder, loc);
    SmallVector<Value> totals;
    for (size_t index = 0; index < warpSums.size(); ++index) {
      Value total;
      for (int32_t other = 0; other < kWarps; ++other) {
        Value address =
            place(builder, loc, firstSum + int64_t(index), integer(builder, loc, other));
        Value part = LLVM::LoadOp::create(builder, loc, builder.getF64Type(), address);
        total = total ? arith::AddFOp::create(builder, loc, total, part).getResult() : part;
      }
      totals.push_back(total);
    }
    return totals;
  }

  /// The value of the thread whose number differs in the bit `distance`, as two 32-bit shuffles.
  static Value exchange(OpBuilder &builder, Location loc, Value value, int32_t distance) {
    const Type i32 = builder.getI32Type(), i64 = builder.getI64Type();
    Value bits = arith::BitcastOp::create(builder, loc, i64, value);
    Value shift = arith::ConstantOp::create(builder, loc, builder.getI64IntegerAttr(32));
    const auto shuffle = [&](Value half) -> Value {
      Value other = NVVM::ShflOp::create(
          builder, loc, i32, integer(builder, loc, -1),
          arith::TruncIOp::create(builder, loc, i32, half), integer(builder, loc, distance),
          integer(builder, loc, kWarp - 1), NVVM::ShflKind::bfly, UnitAttr());
      return arith::ExtUIOp::create(builder, loc, i64, other);
    };
    Value low = shuffle(bits);
    Value high = arith::ShLIOp::create(
        builder, loc, shuffle(arith::ShRUIOp::create(builder, loc, bits, shift)), shift);
    return arith::BitcastOp::create(builder, loc, builder.getF64Type(),
                                    arith::OrIOp::create(builder, loc, low, high));
  }

  Value place(OpBuilder &builder, Location loc, int64_t sum, Value warp) {
    const Type pointer = LLVM::LLVMPointerType::get(builder.getContext(), kSharedMemory);
    Value base = LLVM::AddressOfOp::create(builder, loc, pointer, partials_);
    Value index =
        arith::AddIOp::create(builder, loc, warp, integer(builder, loc, int32_t(sum) * kWarps));
    return LLVM::GEPOp::create(builder, loc, pointer, builder.getF64Type(), base, index);
  }

  Arguments arguments_;
  Value pairs_, thread_;
  SmallVector<Value> totals_;
  Value pair_; // of the walk being emitted
  StringRef partials_;
  int64_t sumsTaken_ = 0;
};

struct LowerToGpu : disco::obj::impl::ObjLowerToGpuBase<LowerToGpu> {
  void runOnOperation() override {
    for (ObjectiveOp objective : llvm::make_early_inc_range(getOperation().getOps<ObjectiveOp>())) {
      if (refuses(objective))
        return signalPassFailure();
      OpBuilder builder(objective);
      emitKernel(builder, objective, "gradient", gradientResults(objective));
      emitKernel(builder, objective, "report", reportResults(objective));
      objective.erase();
    }
  }

  /// What only the host has so far.
  static bool refuses(ObjectiveOp objective) {
    for (Operation &op : objective.getBody().front())
      if (isa<BatchMaxOp, BatchSortOp, TokenSumOp, StateOp, ProgressOp>(op)) {
        op.emitOpError("is compiled for the host only, not for GPUs");
        return true;
      }
    return false;
  }

  static void emitKernel(OpBuilder builder, ObjectiveOp objective, StringRef name,
                         const EntryPoint &entry) {
    const Location loc = objective.getLoc();
    MLIRContext *context = builder.getContext();
    const Type pointer = LLVM::LLVMPointerType::get(context);
    const size_t inputs = objective.getInputs().size(),
                 parameters = objective.getParameters().size();
    const bool isReport = name == "report";
    const size_t outputs = 1 + entry.arrays.size();

    SmallVector<Type> arguments(inputs, pointer);
    arguments.append(parameters, builder.getF32Type());
    arguments.push_back(builder.getI64Type());
    arguments.append(outputs, pointer);
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(context), arguments);
    auto function = LLVM::LLVMFuncOp::create(builder, loc, name, type);
    function->setAttr(NVVM::NVVMDialect::getKernelFuncAttrName(), builder.getUnitAttr());
    function->setAttr(NVVM::NVVMDialect::getReqntidAttrName(),
                      builder.getDenseI32ArrayAttr({kThreads}));
    const std::string partials = (name + "_partial_sums").str();
    builder.setInsertionPointToStart(function.addEntryBlock(builder));

    ValueRange values = function.getArguments();
    BlockWalker::Arguments kernel;
    kernel.inputs = values.take_front(inputs);
    kernel.numbers = values.slice(inputs, parameters);
    kernel.pairs = values[inputs + parameters];
    ValueRange results = values.drop_front(inputs + parameters + 1);
    kernel.outputs = isReport ? results.take_front(entry.arrays.size()) : results.drop_front();
    kernel.means = isReport ? results.back() : results.front();

    BlockWalker walker(builder, loc, kernel, partials);
    emitEntryPoint(builder, objective, entry, walker);
    LLVM::ReturnOp::create(builder, loc, ValueRange());
    builder.setInsertionPoint(function);
    if (walker.sumsTaken() > 0)
      LLVM::GlobalOp::create(
          builder, loc, LLVM::LLVMArrayType::get(builder.getF64Type(), walker.sumsTaken() * kWarps),
          /*isConstant=*/false, LLVM::Linkage::Internal, partials, Attribute(),
          /*alignment=*/8, kSharedMemory);
  }
};

} // namespace
