// All derivative rules, on one page. s is the adjoint of the result, y the result. Conventions at
// kinks and domain ends are PyTorch's; an s that is exactly 0 contributes exactly 0 (obj.chain and
// `quotient` below see to that).
#include "compiler/dialect/Obj.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace disco::obj;

namespace {

using Values = SmallVector<Value>;

Value number(OpBuilder &builder, Location loc, double value) {
  return ConstantOp::create(builder, loc, builder.getF64FloatAttr(value));
}

/// s / x, and 0 where s is 0.
Value quotient(OpBuilder &builder, Location loc, Value s, Value x) {
  Value zero = number(builder, loc, 0);
  return SelectOp::create(builder, loc, EqOp::create(builder, loc, s, zero), zero,
                          DivOp::create(builder, loc, s, x));
}

/// s where the arms are ordered, s / 2 where they are equal, 0 where `loses`.
Value shared(OpBuilder &builder, Location loc, Value s, Value loses, Value tie) {
  Value half = MulOp::create(builder, loc, s, number(builder, loc, 0.5));
  Value kept = SelectOp::create(builder, loc, tie, half, s);
  return SelectOp::create(builder, loc, loses, number(builder, loc, 0), kept);
}

} // namespace

// d(-x) = -dx
Values NegOp::adjoint(OpBuilder &b, Value s) { return {NegOp::create(b, getLoc(), s)}; }

// d exp(x) = exp(x) dx
Values ExpOp::adjoint(OpBuilder &b, Value s) {
  return {ChainOp::create(b, getLoc(), s, getResult())};
}

// d log(x) = dx / x
Values LogOp::adjoint(OpBuilder &b, Value s) { return {quotient(b, getLoc(), s, getX())}; }

// d log1p(x) = dx / (1 + x)
Values Log1pOp::adjoint(OpBuilder &b, Value s) {
  Value onePlusX = AddOp::create(b, getLoc(), getX(), number(b, getLoc(), 1));
  return {quotient(b, getLoc(), s, onePlusX)};
}

// d expm1(x) = exp(x) dx; y + 1 would lose all digits below x = -17
Values Expm1Op::adjoint(OpBuilder &b, Value s) {
  return {ChainOp::create(b, getLoc(), s, ExpOp::create(b, getLoc(), getX()))};
}

// d sqrt(x) = dx / (2 y), and 0 at x = 0
Values SqrtOp::adjoint(OpBuilder &b, Value s) {
  Value zero = number(b, getLoc(), 0);
  Value twoY = MulOp::create(b, getLoc(), getResult(), number(b, getLoc(), 2));
  Value atZero = EqOp::create(b, getLoc(), getResult(), zero);
  return {SelectOp::create(b, getLoc(), atZero, zero, quotient(b, getLoc(), s, twoY))};
}

// d |x| = sign(x) dx, and 0 at x = 0
Values AbsOp::adjoint(OpBuilder &b, Value s) {
  return {ChainOp::create(b, getLoc(), s, SignOp::create(b, getLoc(), getX()))};
}

// d tanh(x) = 4 sigmoid(2x) sigmoid(-2x) dx; 1 - y^2 would lose its digits for large |x|
Values TanhOp::adjoint(OpBuilder &b, Value s) {
  Value twoX = MulOp::create(b, getLoc(), getX(), number(b, getLoc(), 2));
  Value up = SigmoidOp::create(b, getLoc(), twoX);
  Value down = SigmoidOp::create(b, getLoc(), NegOp::create(b, getLoc(), twoX));
  Value product = MulOp::create(b, getLoc(), up, down);
  Value slope = MulOp::create(b, getLoc(), product, number(b, getLoc(), 4));
  return {ChainOp::create(b, getLoc(), s, slope)};
}

// d sigmoid(x) = sigmoid(x) sigmoid(-x) dx; y (1 - y) would lose its digits for large x
Values SigmoidOp::adjoint(OpBuilder &b, Value s) {
  Value down = SigmoidOp::create(b, getLoc(), NegOp::create(b, getLoc(), getX()));
  return {ChainOp::create(b, getLoc(), s, MulOp::create(b, getLoc(), getResult(), down))};
}

// d softplus(x) = sigmoid(x) dx
Values SoftplusOp::adjoint(OpBuilder &b, Value s) {
  return {ChainOp::create(b, getLoc(), s, SigmoidOp::create(b, getLoc(), getX()))};
}

// d(a + b) = da + db
Values AddOp::adjoint(OpBuilder &, Value s) { return {s, s}; }

// d(a - b) = da - db
Values SubOp::adjoint(OpBuilder &b, Value s) { return {s, NegOp::create(b, getLoc(), s)}; }

// d(a b) = b da + a db
Values MulOp::adjoint(OpBuilder &b, Value s) {
  return {ChainOp::create(b, getLoc(), s, getRhs()), ChainOp::create(b, getLoc(), s, getLhs())};
}

// d(a / b) = da / b - y db / b
Values DivOp::adjoint(OpBuilder &b, Value s) {
  Value scaled = ChainOp::create(b, getLoc(), s, getResult());
  return {quotient(b, getLoc(), s, getRhs()),
          NegOp::create(b, getLoc(), quotient(b, getLoc(), scaled, getRhs()))};
}

// d x^p = p x^(p - 1) dx, and 0 where p = 0, and at x = 0 with p < 1; p has no gradient
// (obj-differentiate checks)
Values PowOp::adjoint(OpBuilder &b, Value s) {
  Value zero = number(b, getLoc(), 0), one = number(b, getLoc(), 1);
  Value x = getLhs(), p = getRhs();
  Value scaled = ChainOp::create(b, getLoc(), s, p);
  Value power = PowOp::create(b, getLoc(), x, SubOp::create(b, getLoc(), p, one));
  Value atZero = AndOp::create(b, getLoc(), EqOp::create(b, getLoc(), x, zero),
                               LtOp::create(b, getLoc(), p, one));
  Value product = ChainOp::create(b, getLoc(), scaled, power);
  return {SelectOp::create(b, getLoc(), atZero, zero, product), Value()};
}

// d min(a, b): the smaller one's; halves at a tie
Values MinOp::adjoint(OpBuilder &b, Value s) {
  Value tie = EqOp::create(b, getLoc(), getLhs(), getRhs());
  return {shared(b, getLoc(), s, LtOp::create(b, getLoc(), getRhs(), getLhs()), tie),
          shared(b, getLoc(), s, LtOp::create(b, getLoc(), getLhs(), getRhs()), tie)};
}

// d max(a, b): the larger one's; halves at a tie
Values MaxOp::adjoint(OpBuilder &b, Value s) {
  Value tie = EqOp::create(b, getLoc(), getLhs(), getRhs());
  return {shared(b, getLoc(), s, LtOp::create(b, getLoc(), getLhs(), getRhs()), tie),
          shared(b, getLoc(), s, LtOp::create(b, getLoc(), getRhs(), getLhs()), tie)};
}

// d where(c, a, b): the selected one's; the other gets exactly 0, and c nothing
Values SelectOp::adjoint(OpBuilder &b, Value s) {
  Value zero = number(b, getLoc(), 0);
  return {Value(), SelectOp::create(b, getLoc(), getCondition(), s, zero),
          SelectOp::create(b, getLoc(), getCondition(), zero, s)};
}

// d sum(x) = sum of the dx: every pair gets s
Values BatchSumOp::adjoint(OpBuilder &, Value s) { return {s}; }

// d max(x): shared by all pairs that have it; where it is NaN, by all that are
Values BatchMaxOp::adjoint(OpBuilder &b, Value s) {
  const Location loc = getLoc();
  Value x = getX(), y = getResult(), zero = number(b, loc, 0);
  Value bothNaN = AndOp::create(b, loc, NeOp::create(b, loc, x, x), NeOp::create(b, loc, y, y));
  Value largest = OrOp::create(b, loc, EqOp::create(b, loc, x, y), bothNaN);
  Value one = SelectOp::create(b, loc, largest, number(b, loc, 1), zero);
  Value share = quotient(b, loc, s, BatchSumOp::create(b, loc, one));
  return {SelectOp::create(b, loc, largest, share, zero)};
}

// d sort(x): each rank's s goes to the pair that holds the rank
Values BatchSortOp::adjoint(OpBuilder &b, Value s) {
  return {BatchUnsortOp::create(b, getLoc(), s, getResult())};
}

// d sum(x) = sum of the dx: every token gets s
Values TokenSumOp::adjoint(OpBuilder &, Value s) { return {s}; }
