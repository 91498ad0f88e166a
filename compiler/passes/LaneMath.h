// Elementary functions as floating-point arithmetic, for a vector of lanes or one: the same
// polynomials on the CPU and the GPU, and nothing left for a mathematics library. Errors are
// bounded in test/unit/compiler/LaneMathTest.cpp. Float32 is made to be fast, float64 to check
// gradients.
#pragma once

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"

namespace disco::obj {

/// Builds arithmetic on values of one type: f32, f64, or a vector of either. Special values follow
/// C99 Annex F, except that the sign of a zero result is not kept.
class LaneMath {
public:
  LaneMath(mlir::OpBuilder &builder, mlir::Location loc, mlir::Type lanes);

  mlir::Value number(double value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value sub(mlir::Value a, mlir::Value b);
  mlir::Value mul(mlir::Value a, mlir::Value b);
  mlir::Value div(mlir::Value a, mlir::Value b);
  mlir::Value neg(mlir::Value x);
  mlir::Value compare(mlir::arith::CmpFPredicate predicate, mlir::Value a, mlir::Value b);
  mlir::Value select(mlir::Value condition, mlir::Value a, mlir::Value b);

  mlir::Value abs(mlir::Value x);
  mlir::Value sign(mlir::Value x);
  mlir::Value sqrt(mlir::Value x);
  mlir::Value min(mlir::Value a, mlir::Value b);
  mlir::Value max(mlir::Value a, mlir::Value b);
  mlir::Value exp(mlir::Value x);
  mlir::Value expm1(mlir::Value x);
  mlir::Value log(mlir::Value x);
  mlir::Value log1p(mlir::Value x);
  mlir::Value tanh(mlir::Value x);
  mlir::Value sigmoid(mlir::Value x);
  mlir::Value softplus(mlir::Value x);
  mlir::Value pow(mlir::Value x, mlir::Value p);

private:
  /// x = n ln 2 + r with |r| <= ln 2 / 2, as r and an integer with the low bits of n + offset.
  struct Reduced {
    mlir::Value r, n;
  };
  /// m 2^e with m in [sqrt(1/2), sqrt(2)); e as a float.
  struct Split {
    mlir::Value m, e;
  };

  mlir::Type like(mlir::Type element);
  mlir::Value numberOf(mlir::Type element, double value);
  mlir::Value integerOf(mlir::Type element, int64_t value);
  mlir::Value integer(int64_t value) { return integerOf(bits_, value); }
  mlir::Value bitsOf(mlir::Value x);
  mlir::Value fromBits(mlir::Value x);
  mlir::Value fma(mlir::Value a, mlir::Value b, mlir::Value c);
  mlir::Value polynomial(mlir::Value x, llvm::ArrayRef<double> coefficients);
  mlir::Value clampKeepingNaN(mlir::Value x, double low, double high);
  mlir::Value fromExponent(mlir::Value bits);
  Reduced reduce(mlir::Value x, int offset);
  mlir::Value liftedExp(mlir::Value x);
  mlir::Value expMinusAbs(mlir::Value x);
  mlir::Value bySign(mlir::Value x, mlir::Value ofPositive, mlir::Value ofNegative);
  Split split(mlir::Value x);
  mlir::Value logOnePlus(mlir::Value f);
  mlir::Value log1pUnit(mlir::Value x);
  mlir::Value isWhole(mlir::Value x);
  mlir::Value powMagnitude(mlir::Value magnitude, mlir::Value p);
  mlir::Value powInDouble(mlir::Value magnitude, mlir::Value p);

  struct Format;
  static const Format kFloat32, kFloat64;

  mlir::OpBuilder &b_;
  mlir::Location loc_;
  mlir::Type lanes_, real_, bits_; // bits_: the integer as wide as real_
  const Format &format_;
};

} // namespace disco::obj
