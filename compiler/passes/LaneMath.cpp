// Range reduction and minimax polynomials, found by Remez exchange for the weights stated at each.
// The ideas are the usual ones (Cody and Waite; the atanh series for logarithms); no
// float-to-integer conversion of a NaN happens anywhere.
#include "compiler/passes/LaneMath.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/TypeUtilities.h"

#include <cmath>

using namespace mlir;
using namespace disco::obj;
using Predicate = arith::CmpFPredicate;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

constexpr double kLog2E = 1.4426950408889634;
/// In double, for pow of float32: log2((1 + s) / (1 - s)) = s U(z), relative error 2^-52, and 2^r
/// on |r| <= 1/2, 2^-46.
constexpr double kLog2Double[] = {2.885390081777927,   0.9617966939243083,  0.5770780172572867,
                                  0.41219840037766897, 0.32061650296199967, 0.261440619780311,
                                  0.24295901824261432};
constexpr double kExp2Double[] = {
    1.0000000000000127,    0.6931471805598709,    0.2402265069564961,     0.05550410866868619,
    0.009618129192077269,  0.001333355761754651,  0.00015403434940485723, 1.525298485564424e-05,
    1.325940736102636e-06, 1.0150336150216565e-07};

} // namespace

/// What the functions below need to know of a floating-point type.
struct LaneMath::Format {
  int fractionBits, bias;
  /// A power of two that keeps numbers normal, and is far from overflowing itself.
  int lift() const { return bias / 2; }
  /// 1.5 2^fractionBits: of a sum with it the low bits are the nearest integer.
  double magic;
  /// Bits of sqrt(1/2).
  int64_t sqrtHalf;
  double leastNormal, fractionScale; // 2^fractionBits
  /// ln 2 in two numbers: the first has so many trailing zero bits that n times it is exact.
  double ln2High, ln2Low;
  /// Beyond these e^x is 0, e^x is infinite, and e^x - 1 is -1.
  double expLow, expHigh, expm1Low;
  /// e^r - 1 = r + r^2 Q(r) on |r| <= ln 2 / 2.
  std::vector<double> expm1;
  /// log((1 + s) / (1 - s)) = 2 s + s z L(z), z = s^2, for |s| <= 3 - 2 sqrt(2), and |s| <= 1/3.
  std::vector<double> log, logWide;
};

/// Minimax; relative errors of the three 2^-26.2, 2^-37.6 and 2^-33. The first part of ln 2 has 12
/// trailing zero bits.
const LaneMath::Format LaneMath::kFloat32 = {
    23,
    127,
    12582912.0,
    0x3F3504F3,
    0x1p-126,
    0x1p23,
    0.693115234375,
    3.194618329871446e-05,
    -105,
    89,
    -20,
    {0.5, 0.1666654348373413, 0.04166628047823906, 0.008366590365767479, 0.001394646125845611},
    {0.6666666269302368, 0.4000033736228943, 0.28537237644195557, 0.23583568632602692},
    {0.6666667461395264, 0.3999887704849243, 0.2861688435077667, 0.21427658200263977,
     0.24300934374332428}};

namespace {
/// 1/2!, 1/3!, ...
std::vector<double> expm1Series(int terms) {
  std::vector<double> series;
  for (double term = 0.5; terms-- > 0; term /= double(series.size() + 2))
    series.push_back(term);
  return series;
}
/// 2/3, 2/5, ...
std::vector<double> logSeries(int terms) {
  std::vector<double> series;
  for (int k = 0; k < terms; ++k)
    series.push_back(2.0 / (2 * k + 3));
  return series;
}
} // namespace

/// Taylor series, whose remainders are below 2^-55 of the result. The first part of ln 2 has 21
/// trailing zero bits.
const LaneMath::Format LaneMath::kFloat64 = {52,
                                             1023,
                                             0x1.8p52,
                                             0x3FE6A09E667F3BCD,
                                             0x1p-1022,
                                             0x1p52,
                                             0x1.62e42feep-1,
                                             1.9082149292705877e-10,
                                             -746,
                                             710,
                                             -40,
                                             expm1Series(13),
                                             logSeries(11),
                                             logSeries(17)};

LaneMath::LaneMath(OpBuilder &builder, Location loc, Type lanes)
    : b_(builder), loc_(loc), lanes_(lanes), real_(getElementTypeOrSelf(lanes)),
      bits_(builder.getIntegerType(real_.getIntOrFloatBitWidth())),
      format_(real_.isF64() ? kFloat64 : kFloat32) {}

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

Value LaneMath::integerOf(Type element, int64_t value) {
  TypedAttr attribute = b_.getIntegerAttr(element, value);
  if (auto vector = dyn_cast<VectorType>(like(element)))
    attribute = DenseElementsAttr::get(vector, Attribute(attribute));
  return arith::ConstantOp::create(b_, loc_, attribute);
}

Value LaneMath::number(double value) { return numberOf(real_, value); }
Value LaneMath::add(Value a, Value b) { return arith::AddFOp::create(b_, loc_, a, b); }
Value LaneMath::sub(Value a, Value b) { return arith::SubFOp::create(b_, loc_, a, b); }
Value LaneMath::mul(Value a, Value b) { return arith::MulFOp::create(b_, loc_, a, b); }
Value LaneMath::div(Value a, Value b) { return arith::DivFOp::create(b_, loc_, a, b); }
Value LaneMath::neg(Value x) { return arith::NegFOp::create(b_, loc_, x); }
Value LaneMath::fma(Value a, Value b, Value c) { return math::FmaOp::create(b_, loc_, a, b, c); }
Value LaneMath::bitsOf(Value x) { return arith::BitcastOp::create(b_, loc_, like(bits_), x); }
Value LaneMath::fromBits(Value x) { return arith::BitcastOp::create(b_, loc_, lanes_, x); }
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

// The number whose exponent field is the low bits of `bits`, its others being lost.
Value LaneMath::fromExponent(Value bits) {
  const Type integer = getElementTypeOrSelf(bits.getType());
  const bool isDouble = integer.getIntOrFloatBitWidth() == 64;
  const int64_t fraction = (isDouble ? kFloat64 : kFloat32).fractionBits;
  const Type real = isDouble ? Type(b_.getF64Type()) : Type(b_.getF32Type());
  return arith::BitcastOp::create(
      b_, loc_, like(real), arith::ShLIOp::create(b_, loc_, bits, integerOf(integer, fraction)));
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

LaneMath::Reduced LaneMath::reduce(Value x, int offset) {
  // Also of NaN the low bits of the sum are a number of some kind.
  Value magic = number(format_.magic + offset);
  Value shifted = fma(x, number(kLog2E), magic);
  Value n = sub(shifted, magic);
  Value r = fma(n, number(-format_.ln2High), x);
  return {fma(n, number(-format_.ln2Low), r), bitsOf(shifted)};
}

// e^-|x| 2^lift, which is a normal number where x is one; beyond the clamp e^-|x| rounds to 0.
// exp, sigmoid and softplus of x and -x all begin with it, and so share it.
Value LaneMath::liftedExp(Value x) {
  Value argument = neg(abs(x)), lowest = number(format_.expLow);
  Value bounded = select(compare(Predicate::OLT, argument, lowest), lowest, argument);
  auto [r, n] = reduce(bounded, format_.bias + format_.lift());
  std::vector<double> exp = {1, 1};
  exp.insert(exp.end(), format_.expm1.begin(), format_.expm1.end());
  return mul(polynomial(r, exp), fromExponent(n));
}

// e^-|x|
Value LaneMath::expMinusAbs(Value x) {
  return mul(liftedExp(x), number(std::ldexp(1, -format_.lift())));
}

// One compare for x and -x; 0 and NaN may take either.
Value LaneMath::bySign(Value x, Value ofPositive, Value ofNegative) {
  while (auto negated = x.getDefiningOp<arith::NegFOp>()) {
    x = negated.getOperand();
    std::swap(ofPositive, ofNegative);
  }
  return select(compare(Predicate::OLT, x, number(0)), ofNegative, ofPositive);
}

Value LaneMath::exp(Value x) {
  return bySign(x, div(number(std::ldexp(1, format_.lift())), liftedExp(x)), expMinusAbs(x));
}

// 2 (h (e^r - 1) + (h - 1/2)) with h = 2^(n-1), which for n = 0 is e^r - 1 itself and for the
// largest n does not overflow early.
Value LaneMath::expm1(Value x) {
  Value clamped = clampKeepingNaN(x, format_.expm1Low, format_.expHigh);
  auto [r, n] = reduce(clamped, format_.bias - 1);
  Value expm1R = fma(mul(r, r), polynomial(r, format_.expm1), r);
  Value h = fromExponent(n);
  return mul(fma(h, expm1R, sub(h, number(0.5))), number(2));
}

// 1 / (1 + e) for x >= 0, e / (1 + e) else, with e = e^-|x|, which never overflows.
Value LaneMath::sigmoid(Value x) {
  Value one = number(1);
  Value e = expMinusAbs(x);
  Value ofPositive = div(one, add(one, e));
  return bySign(x, ofPositive, mul(e, ofPositive));
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
  Value isSmall = compare(Predicate::OLT, x, number(format_.leastNormal));
  Value scaled = select(isSmall, mul(x, number(format_.fractionScale)), x);
  // Subtracting the bits of sqrt(1/2) makes the exponent field that of m in [sqrt(1/2), sqrt(2)).
  Value sqrtHalf = integer(format_.sqrtHalf);
  Value offset = arith::SubIOp::create(b_, loc_, bitsOf(scaled), sqrtHalf);
  Value exponent = arith::ShRSIOp::create(b_, loc_, offset, integer(format_.fractionBits));
  Value fraction =
      arith::AndIOp::create(b_, loc_, offset, integer((int64_t{1} << format_.fractionBits) - 1));
  Value m = fromBits(arith::AddIOp::create(b_, loc_, fraction, sqrtHalf));
  Value e = arith::SIToFPOp::create(b_, loc_, lanes_, exponent);
  return {m, select(isSmall, sub(e, number(format_.fractionBits)), e)};
}

// log(1 + f) for 1 + f in [sqrt(1/2), sqrt(2)): with s = f / (2 + f) it is 2 s + s z L(z), and 2 s
// = f - f s, so that f itself, which is exact, is the leading term.
Value LaneMath::logOnePlus(Value f) {
  Value s = div(f, add(f, number(2)));
  Value z = mul(s, s);
  Value halfSquare = mul(mul(f, f), number(0.5));
  Value inner = fma(z, polynomial(z, format_.log), halfSquare);
  return sub(f, sub(halfSquare, mul(s, inner)));
}

// log1p on [0, 1], where no exponent has to be taken out: s = x / (2 + x) <= 1/3.
Value LaneMath::log1pUnit(Value x) {
  Value s = div(x, add(x, number(2)));
  Value z = mul(s, s);
  return fma(mul(s, z), polynomial(z, format_.logWide), add(s, s));
}

Value LaneMath::log(Value x) {
  auto [m, e] = split(x);
  Value f = sub(m, number(1));
  Value result = fma(e, number(format_.ln2High), fma(e, number(format_.ln2Low), logOnePlus(f)));
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
  Value result = add(logOnePlus(sub(m, one)), fma(e, number(format_.ln2Low), correction));
  result = fma(e, number(format_.ln2High), result);
  Value infinity = number(kInfinity), minusOne = number(-1);
  result = select(compare(Predicate::OEQ, x, minusOne), number(-kInfinity), result);
  result = select(compare(Predicate::OEQ, x, infinity), infinity, result);
  return select(compare(Predicate::UGE, x, minusOne),
                select(compare(Predicate::UNO, x, x), x, result), number(kNaN));
}

// ---- power ----

// From 2^fractionBits on every number is whole; below, adding it rounds to a whole one.
Value LaneMath::isWhole(Value x) {
  Value magnitude = abs(x), large = number(format_.fractionScale);
  Value rounded = sub(add(magnitude, large), large);
  return arith::OrIOp::create(b_, loc_, compare(Predicate::OEQ, rounded, magnitude),
                              compare(Predicate::OGE, magnitude, large));
}

// 2^(p log2 |x|) in double, where the product keeps enough digits for float32.
Value LaneMath::powInDouble(Value magnitude, Value p) {
  const Type f64 = b_.getF64Type(), i64 = b_.getI64Type(), wide = like(f64);
  const auto extend = [&](Value v) { return arith::ExtFOp::create(b_, loc_, wide, v); };
  auto [m, e] = split(magnitude);
  Value f = extend(sub(m, number(1)));
  Value s = div(f, add(f, numberOf(f64, 2)));
  Value log2 = fma(s, polynomial(mul(s, s), kLog2Double), extend(e));
  log2 = select(compare(Predicate::OEQ, magnitude, number(0)), numberOf(f64, -kInfinity), log2);
  log2 =
      select(compare(Predicate::OEQ, magnitude, number(kInfinity)), numberOf(f64, kInfinity), log2);

  // 2^200 overflows and 2^-200 underflows when rounded to float32.
  Value t = clampKeepingNaN(mul(extend(p), log2), -200, 200);
  Value magic = numberOf(f64, kFloat64.magic + kFloat64.bias);
  Value shifted = add(t, magic);
  Value r = sub(t, sub(shifted, magic));
  Value scale = fromExponent(arith::BitcastOp::create(b_, loc_, like(i64), shifted));
  Value result = mul(polynomial(r, kExp2Double), scale);
  return arith::TruncFOp::create(b_, loc_, lanes_, result);
}

// In float64 e^(p log |x|), whose relative error grows with the exponent: |p log x| 2^-53.
Value LaneMath::powMagnitude(Value magnitude, Value p) {
  return real_.isF64() ? exp(mul(p, log(magnitude))) : powInDouble(magnitude, p);
}

// |x|^p, then the sign and the special cases of C's pow.
Value LaneMath::pow(Value x, Value p) {
  Value one = number(1), zero = number(0);
  Value magnitude = abs(x);
  Value result = powMagnitude(magnitude, p);

  // pow(+-1, +-inf) = 1; also where p log2 |x| is 0 * inf, and for p = 0 whatever x.
  result = select(compare(Predicate::OEQ, magnitude, one), one, result);
  result = select(compare(Predicate::UNO, x, p), add(x, p), result);
  // A negative base: odd integers change the sign, and what is no integer has no real result.
  Value isInteger = isWhole(p), isEven = isWhole(mul(p, number(0.5)));
  Value isNegative = compare(Predicate::OLT, math::CopySignOp::create(b_, loc_, one, x), zero);
  Value flipped = select(isEven, result, neg(result));
  Value ofNegative = select(isInteger, flipped, result);
  result = select(isNegative, ofNegative, result);
  Value isFiniteNegative = arith::AndIOp::create(b_, loc_, compare(Predicate::OLT, x, zero),
                                                 compare(Predicate::OGT, x, number(-kInfinity)));
  result = select(isFiniteNegative, select(isInteger, result, number(kNaN)), result);
  result = select(compare(Predicate::OEQ, x, one), one, result);
  return select(compare(Predicate::OEQ, p, zero), one, result);
}
