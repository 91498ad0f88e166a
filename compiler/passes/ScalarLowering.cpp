// The table of ScalarLowering.h. Comparisons are ordered, except `ne`: with NaN it is true, as in
// C.
#include "compiler/passes/ScalarLowering.h"

#include "compiler/passes/LaneMath.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace disco::obj;
using Predicate = arith::CmpFPredicate;

Value disco::obj::lowerPointwise(OpBuilder &builder, Operation *op, ValueRange v, Type lanes) {
  const Location loc = op->getLoc();
  LaneMath m(builder, loc, lanes);
  const auto truth = [&](bool value) -> Value {
    TypedAttr attribute = builder.getBoolAttr(value);
    if (auto vector = dyn_cast<VectorType>(lanes))
      attribute = DenseElementsAttr::get(vector.clone(builder.getI1Type()), value);
    return arith::ConstantOp::create(builder, loc, attribute);
  };
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](ConstantOp constant) { return m.number(constant.getValue().convertToDouble()); })
      .Case([&](NegOp) { return m.neg(v[0]); })
      .Case([&](ExpOp) { return m.exp(v[0]); })
      .Case([&](LogOp) { return m.log(v[0]); })
      .Case([&](Log1pOp) { return m.log1p(v[0]); })
      .Case([&](Expm1Op) { return m.expm1(v[0]); })
      .Case([&](SqrtOp) { return m.sqrt(v[0]); })
      .Case([&](AbsOp) { return m.abs(v[0]); })
      .Case([&](SignOp) { return m.sign(v[0]); })
      .Case([&](TanhOp) { return m.tanh(v[0]); })
      .Case([&](SigmoidOp) { return m.sigmoid(v[0]); })
      .Case([&](SoftplusOp) { return m.softplus(v[0]); })
      .Case([&](DetachOp) { return v[0]; })
      .Case([&](AddOp) { return m.add(v[0], v[1]); })
      .Case([&](SubOp) { return m.sub(v[0], v[1]); })
      .Case([&](MulOp) { return m.mul(v[0], v[1]); })
      .Case([&](DivOp) { return m.div(v[0], v[1]); })
      .Case([&](PowOp) { return m.pow(v[0], v[1]); })
      .Case([&](MinOp) { return m.min(v[0], v[1]); })
      .Case([&](MaxOp) { return m.max(v[0], v[1]); })
      .Case([&](LtOp) { return m.compare(Predicate::OLT, v[0], v[1]); })
      .Case([&](LeOp) { return m.compare(Predicate::OLE, v[0], v[1]); })
      .Case([&](EqOp) { return m.compare(Predicate::OEQ, v[0], v[1]); })
      .Case([&](NeOp) { return m.compare(Predicate::UNE, v[0], v[1]); })
      .Case([&](AndOp) { return arith::AndIOp::create(builder, loc, v[0], v[1]).getResult(); })
      .Case([&](OrOp) { return arith::OrIOp::create(builder, loc, v[0], v[1]).getResult(); })
      .Case(
          [&](NotOp) { return arith::XOrIOp::create(builder, loc, v[0], truth(true)).getResult(); })
      .Case([&](SelectOp) { return m.select(v[0], v[1], v[2]); })
      .Case([&](ChainOp) {
        Value zero = m.number(0);
        return m.select(m.compare(Predicate::OEQ, v[0], zero), zero, m.mul(v[0], v[1]));
      })
      .Default([](Operation *) -> Value { llvm_unreachable("not a pointwise operation"); });
}
