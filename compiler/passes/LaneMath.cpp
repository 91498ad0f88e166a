// Range reduction and minimax polynomials, found by Remez exchange for the weights stated at each.
// The ideas are the usual ones (Cody and Waite; the atanh series for logarithms); no
// float-to-integer conversion of a NaN happens anywhere.
#include "compiler/passes/LaneMath.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

using namespace mlir;
using namespace disco::obj;
using Predicate = arith::CmpFPredicate;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

constexpr double kLog2E = 1.4426950408889634;
/// ln 2 in two floats: the first has 12 trailing zero bits, so that n times it is exact.
constexpr double kLn2High = 0.693115234375, kLn2Low = 3.194618329871446e-05;

/// e^r - 1 = r + r^2 Q(r) on |r| <= ln 2 / 2, relative error 2^-26.2.
constexpr double kExpm1[] = {0.5, 0.1666654348373413, 0.04166628047823906, 0.008366590365767479,
                             0.001394646125845611};
/// log((1 + s) / (1 - s)) = 2 s + s z L(z), z = s^2, |s| <= 3 - 2 sqrt(2), relative error 2^-37.6.
constexpr double kLog[] = {0.6666666269302368, 0.4000033736228943, 0.28537237644195557,
                           0.23583568632602692};
/// The same for |s| <= 1/3, relative error 2^-33.
constexpr double kLogWide[] = {0.6666667461395264, 0.3999887704849243, 0.2861688435077667,
                               0.21427658200263977, 0.24300934374332428};
/// In double, for pow: log2((1 + s) / (1 - s)) = s U(z), relative error 2^-52, and 2^r on |r| <=
/// 1/2, 2^-46.
constexpr double kLog2Double[] = {2.885390081777927,   0.9617966939243083,  0.5770780172572867,
                                  0.41219840037766897, 0.32061650296199967, 0.261440619780311,
                                  0.24295901824261432};
constexpr double kExp2Double[] = {
    1.0000000000000127,    0.6931471805598709,    0.2402265069564961,     0.05550410866868619,
    0.009618129192077269,  0.001333355761754651,  0.00015403434940485723, 1.525298485564424e-05,
    1.325940736102636e-06, 1.0150336150216565e-07};

} // namespace

// ---- building blocks ----

Type LaneMath::like(Type element) {
  if (auto vector = dyn_cast<VectorType>(lanes_))
    return vector.clone(element);
  return element;
}

Value LaneMath::numberOf(Type element, double value) {
  TypedAttr attribute = b_.getFloatAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(like(element)))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(b_, loc_, attribute);
}

Value LaneMath::integer(Type element, int64_t value) {
  TypedAttr attribute = b_.getIntegerAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(like(element)))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(b_, loc_, attribute);
}

Value LaneMath::number(double value) { return numberOf(getElementTypeOrSelf(lanes_), value); }
Value LaneMath::add(Value a, Value b) { return arith::AddFOp::create(b_, loc_, a, b); }
Value LaneMath::sub(Value a, Value b) { return arith::SubFOp::create(b_, loc_, a, b); }
Value LaneMath::mul(Value a, Value b) { return arith::MulFOp::create(b_, loc_, a, b); }
Value LaneMath::div(Value a, Value b) { return arith::DivFOp::create(b_, loc_, a, b); }
Value LaneMath::neg(Value x) { return arith::NegFOp::create(b_, loc_, x); }
Value LaneMath::fma(Value a, Value b, Value c) { return math::FmaOp::create(b_, loc_, a, b, c); }
Value LaneMath::bits(Value x, Type element) {
  return arith::BitcastOp::create(b_, loc_, like(element), x);
}
Value LaneMath::compare(Predicate predicate, Value a, Value b) {
  return arith::CmpFOp::create(b_, loc_, predicate, a, b);
}
Value LaneMath::select(Value condition, Value a, Value b) {
  return arith::SelectOp::create(b_, loc_, condition, a, b);
}

// Horner's scheme; coefficients start at the constant.
Value LaneMath::polynomial(Value x, ArrayRef<double> coefficients) {
  const Type element = getElementTypeOrSelf(x.getType());
  Value sum = numberOf(element, coefficients.back());
  for (double coefficient : llvm::reverse(coefficients.drop_back()))
    sum = fma(sum, x, numberOf(element, coefficient));
  return sum;
}

// Comparisons with NaN are false, so that NaN passes both selects.
Value LaneMath::clampKeepingNaN(Value x, double low, double high) {
  const Type element = getElementTypeOrSelf(x.getType());
  Value lowest = numberOf(element, low), highest = numberOf(element, high);
  x = select(compare(Predicate::OLT, x, lowest), lowest, x);
  return select(compare(Predicate::OGT, x, highest), highest, x);
}

// 2^n for an integer n in [-126, 127], by its exponent bits.
Value LaneMath::powerOfTwo(Value n) {
  const Type i32 = b_.getI32Type();
  Value biased = arith::AddIOp::create(b_, loc_, n, integer(i32, 127));
  return bits(arith::ShLIOp::create(b_, loc_, biased, integer(i32, 23)), b_.getF32Type());
}

// ---- exact operations ----

// |-x| is built as |x|, so that sigmoid(x), sigmoid(-x) and softplus(-x) come to share one
// exponential.
Value LaneMath::abs(Value x) {
  while (auto negated = x.getDefiningOp<arith::NegFOp>())
    x = negated.getOperand();
  return math::AbsFOp::create(b_, loc_, x);
}

// 0 and NaN are their own sign.
Value LaneMath::sign(Value x) {
  Value zero = number(0);
  Value orSelf = select(compare(Predicate::OLT, x, zero), number(-1), x);
  return select(compare(Predicate::OGT, x, zero), number(1), orSelf);
}

Value LaneMath::sqrt(Value x) { return math::SqrtOp::create(b_, loc_, x); }
Value LaneMath::min(Value a, Value b) { return arith::MinimumFOp::create(b_, loc_, a, b); }
Value LaneMath::max(Value a, Value b) { return arith::MaximumFOp::create(b_, loc_, a, b); }

// ---- exponentials ----

LaneMath::Reduced LaneMath::reduce(Value x) {
  // Adding 1.5 2^23 leaves the nearest integer in the low bits; also of NaN the result is a number
  // of some kind.
  Value magic = number(12582912.0);
  Value shifted = fma(x, number(kLog2E), magic);
  Value nFloat = sub(shifted, magic);
  Value n = arith::SubIOp::create(b_, loc_, bits(shifted, b_.getI32Type()),
                                  integer(b_.getI32Type(), 0x4B400000));
  Value r = fma(nFloat, number(-kLn2High), x);
  r = fma(nFloat, number(-kLn2Low), r);
  return {fma(mul(r, r), polynomial(r, kExpm1), r), n};
}

// 89 overflows and -105 gives 0.
Value LaneMath::exp(Value x) { return expInRange(clampKeepingNaN(x, -105, 89)); }

// e^-|x|, which needs only the lower end.
Value LaneMath::expMinusAbs(Value x) {
  Value argument = neg(abs(x)), lowest = number(-105);
  return expInRange(select(compare(Predicate::OLT, argument, lowest), lowest, argument));
}

// 2^n e^r. Two factors, so that results below 2^-126 are rounded, not flushed.
Value LaneMath::expInRange(Value x) {
  auto [expm1R, n] = reduce(x);
  Value half = arith::ShRSIOp::create(b_, loc_, n, integer(b_.getI32Type(), 1));
  Value rest = arith::SubIOp::create(b_, loc_, n, half);
  return mul(mul(add(expm1R, number(1)), powerOfTwo(half)), powerOfTwo(rest));
}

// 2 (h (e^r - 1) + (h - 1/2)) with h = 2^(n-1), which for n = 0 is e^r - 1 itself and for n = 128
// does not overflow early.
Value LaneMath::expm1(Value x) {
  auto [expm1R, n] = reduce(clampKeepingNaN(x, -20, 89));
  Value h = powerOfTwo(arith::SubIOp::create(b_, loc_, n, integer(b_.getI32Type(), 1)));
  return mul(fma(h, expm1R, sub(h, number(0.5))), number(2));
}

// e^-|x| never overflows: 1 / (1 + e) for x >= 0, e / (1 + e) else.
Value LaneMath::sigmoid(Value x) {
  Value one = number(1);
  Value e = expMinusAbs(x);
  Value numerator = select(compare(Predicate::OGE, x, number(0)), one, e);
  return div(numerator, add(one, e));
}

// max(x, 0) + log1p(e^-|x|); of NaN the second term is NaN.
Value LaneMath::softplus(Value x) {
  Value zero = number(0);
  Value positive = select(compare(Predicate::OGT, x, zero), x, zero);
  return add(positive, log1pUnit(expMinusAbs(x)));
}

// sign(x) (-t) / (2 + t) with t = expm1(-2 |x|)
Value LaneMath::tanh(Value x) {
  Value t = expm1(mul(abs(x), number(-2)));
  return math::CopySignOp::create(b_, loc_, div(t, add(t, number(2))), x);
}

// ---- logarithms ----

LaneMath::Split LaneMath::split(Value x) {
  const Type i32 = b_.getI32Type();
  Value isSmall = compare(Predicate::OLT, x, number(0x1p-126));
  Value scaled = select(isSmall, mul(x, number(0x1p23)), x);
  // Subtracting the bits of sqrt(1/2) makes the exponent field that of m in [sqrt(1/2), sqrt(2)).
  Value offset = arith::SubIOp::create(b_, loc_, bits(scaled, i32), integer(i32, 0x3F3504F3));
  Value exponent = arith::ShRSIOp::create(b_, loc_, offset, integer(i32, 23));
  Value fraction = arith::AndIOp::create(b_, loc_, offset, integer(i32, 0x7FFFFF));
  Value m =
      bits(arith::AddIOp::create(b_, loc_, fraction, integer(i32, 0x3F3504F3)), b_.getF32Type());
  Value e = arith::SIToFPOp::create(b_, loc_, lanes_, exponent);
  return {m, select(isSmall, sub(e, number(23)), e)};
}

// log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)): with s = f / (2 + f) it is 2 s + s z L(z), and 2 s
// = f - f s, so that f itself, which is exact, is the leading term.
Value LaneMath::logOnePlus(Value f) {
  Value s = div(f, add(f, number(2)));
  Value z = mul(s, s);
  Value halfSquare = mul(mul(f, f), number(0.5));
  Value inner = fma(z, polynomial(z, kLog), halfSquare);
  return sub(f, sub(halfSquare, mul(s, inner)));
}

// log1p on [0, 1], where no exponent has to be taken out: s = x / (2 + x) <= 1/3.
Value LaneMath::log1pUnit(Value x) {
  Value s = div(x, add(x, number(2)));
  Value z = mul(s, s);
  return fma(mul(s, z), polynomial(z, kLogWide), add(s, s));
}

Value LaneMath::log(Value x) {
  auto [m, e] = split(x);
  Value f = sub(m, number(1));
  Value result = fma(e, number(kLn2High), fma(e, number(kLn2Low), logOnePlus(f)));
  Value zero = number(0), infinity = number(kInfinity);
  result = select(compare(Predicate::OEQ, x, zero), number(-kInfinity), result);
  result = select(compare(Predicate::OEQ, x, infinity), infinity, result);
  return select(compare(Predicate::UGE, x, zero), select(compare(Predicate::UNO, x, x), x, result),
                number(kNaN));
}

// log(u) + c / u, where u + c = 1 + x exactly (Knuth's two-sum).
Value LaneMath::log1p(Value x) {
  Value one = number(1);
  Value u = add(one, x);
  Value xPart = sub(u, one);
  Value c = add(sub(x, xPart), sub(one, sub(u, xPart)));
  auto [m, e] = split(u);
  Value correction = div(c, u);
  Value result = add(logOnePlus(sub(m, one)), fma(e, number(kLn2Low), correction));
  result = fma(e, number(kLn2High), result);
  Value infinity = number(kInfinity), minusOne = number(-1);
  result = select(compare(Predicate::OEQ, x, minusOne), number(-kInfinity), result);
  result = select(compare(Predicate::OEQ, x, infinity), infinity, result);
  return select(compare(Predicate::UGE, x, minusOne),
                select(compare(Predicate::UNO, x, x), x, result), number(kNaN));
}

// ---- power ----

// 2^(p log2 |x|) in double, where the product keeps enough digits; then the sign and the special
// cases of C's pow.
Value LaneMath::pow(Value x, Value p) {
  const Type f64 = b_.getF64Type(), i64 = b_.getI64Type(), wide = like(f64);
  const auto extend = [&](Value v) { return arith::ExtFOp::create(b_, loc_, wide, v); };
  Value one = number(1), zero = number(0);
  Value magnitude = abs(x);

  auto [m, e] = split(magnitude);
  Value f = extend(sub(m, one));
  Value s = div(f, add(f, numberOf(f64, 2)));
  Value log2 = fma(s, polynomial(mul(s, s), kLog2Double), extend(e));
  log2 = select(compare(Predicate::OEQ, magnitude, zero), numberOf(f64, -kInfinity), log2);
  log2 =
      select(compare(Predicate::OEQ, magnitude, number(kInfinity)), numberOf(f64, kInfinity), log2);

  // 2^200 overflows and 2^-200 underflows when rounded to float32.
  Value t = clampKeepingNaN(mul(extend(p), log2), -200, 200);
  Value magic = numberOf(f64, 0x1.8p52);
  Value shifted = add(t, magic);
  Value r = sub(t, sub(shifted, magic));
  Value n = arith::SubIOp::create(b_, loc_, bits(shifted, i64), integer(i64, 0x4338000000000000));
  Value scale = arith::ShLIOp::create(
      b_, loc_, arith::AddIOp::create(b_, loc_, n, integer(i64, 1023)), integer(i64, 52));
  Value wideResult = mul(polynomial(r, kExp2Double), bits(scale, f64));
  Value result = arith::TruncFOp::create(b_, loc_, lanes_, wideResult);

  // pow(+-1, +-inf) = 1; also where p log2 |x| is 0 * inf, and for p = 0 whatever x.
  result = select(compare(Predicate::OEQ, magnitude, one), one, result);
  result = select(compare(Predicate::UNO, x, p), add(x, p), result);
  // A negative base: odd integers change the sign, and what is no integer has no real result.
  Value halfP = mul(p, number(0.5));
  Value isInteger = compare(Predicate::OEQ, math::RoundEvenOp::create(b_, loc_, p), p);
  Value isEven = compare(Predicate::OEQ, math::RoundEvenOp::create(b_, loc_, halfP), halfP);
  Value isNegative = compare(Predicate::OLT, math::CopySignOp::create(b_, loc_, one, x), zero);
  Value flipped = select(isEven, result, neg(result));
  Value ofNegative = select(isInteger, flipped, result);
  result = select(isNegative, ofNegative, result);
  Value isFiniteNegative = arith::AndIOp::create(b_, loc_, compare(Predicate::OLT, x, zero),
                                                 compare(Predicate::OGT, x, number(-kInfinity)));
  Value isUndefined =
      arith::AndIOp::create(b_, loc_, isFiniteNegative,
                            compare(Predicate::UNE, math::RoundEvenOp::create(b_, loc_, p), p));
  result = select(isUndefined, number(kNaN), result);
  result = select(compare(Predicate::OEQ, x, one), one, result);
  return select(compare(Predicate::OEQ, p, zero), one, result);
}
