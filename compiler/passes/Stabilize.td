// Stabilising rewrites (SPEC R6, R7, R8, R9 and R10): the algebra first, then the error that the right side avoids. They need no
// order among each other. A unit is a float32 unit in the last place; the functions on the right err by at most 4 of their result.
#ifndef DISCO_OBJ_STABILIZE
#define DISCO_OBJ_STABILIZE
include "mlir/IR/PatternBase.td"
include "compiler/dialect/ObjOps.td"

def One : ConstantAttr<F64Attr, "1.0">;
def MinusOne : ConstantAttr<F64Attr, "-1.0">;

// Pattern: log(sigmoid(x)) -> -softplus(-x)
// A relative error e of the sigmoid is an absolute error e of the logarithm, which itself goes to 0 like exp(-x): no digit is
// right above x = 17. sigmoid(x) is 0 below x = -104, and its logarithm -inf.
def : Pat<(Obj_LogOp (Obj_SigmoidOp $x)), (Obj_NegOp (Obj_SoftplusOp (Obj_NegOp $x)))>;

// Pattern: 1 - sigmoid(x) -> sigmoid(-x)
// The left side errs by half a unit of 1, so that exp(-x) has no digit right above x = 17.
def : Pat<(Obj_SubOp (Obj_ConstantOp One), (Obj_SigmoidOp $x)), (Obj_SigmoidOp (Obj_NegOp $x))>;

// Pattern: log(1 + x) -> log1p(x)
// 1 + x errs by half a unit of 1, a relative error of 2^-25 / x in the result.
def : Pat<(Obj_LogOp (Obj_AddOp (Obj_ConstantOp One), $x)), (Obj_Log1pOp $x)>;
def : Pat<(Obj_LogOp (Obj_AddOp $x, (Obj_ConstantOp One))), (Obj_Log1pOp $x)>;

// Pattern: log(1 - x) -> log1p(-x)
// The same with -x; 1 - x is as exact as 1 + (-x).
def : Pat<(Obj_LogOp (Obj_SubOp (Obj_ConstantOp One), $x)), (Obj_Log1pOp (Obj_NegOp $x))>;

// Pattern: exp(x) - 1 -> expm1(x)
// exp(x) errs by units of 1 near x = 0, where the difference is about x: a relative error of 2^-24 / x.
def : Pat<(Obj_SubOp (Obj_ExpOp $x), (Obj_ConstantOp One)), (Obj_Expm1Op $x)>;
def : Pat<(Obj_AddOp (Obj_ExpOp $x), (Obj_ConstantOp MinusOne)), (Obj_Expm1Op $x)>;

// Pattern: 1 - exp(x) -> -expm1(x)
// The same, and negation is exact.
def : Pat<(Obj_SubOp (Obj_ConstantOp One), (Obj_ExpOp $x)), (Obj_NegOp (Obj_Expm1Op $x))>;

// Pattern: log1p(exp(x)) -> softplus(x)
// exp(x) overflows above x = 88, where the result is x; below, both sides err by a few units of the result.
def : Pat<(Obj_Log1pOp (Obj_ExpOp $x)), (Obj_SoftplusOp $x)>;

// Pattern: log1p(-sigmoid(x)) -> -softplus(x)
// As for log(sigmoid(-x)), which it equals.
def : Pat<(Obj_Log1pOp (Obj_NegOp (Obj_SigmoidOp $x))), (Obj_NegOp (Obj_SoftplusOp $x))>;

// Pattern: 1 / (1 + exp(x)) -> sigmoid(-x)
// The same value to a few units, 0 where exp(x) overflows; its derivative is finite there, and the patterns above find it.
def : Pat<(Obj_DivOp (Obj_ConstantOp One), (Obj_AddOp (Obj_ConstantOp One), (Obj_ExpOp $x))),
          (Obj_SigmoidOp (Obj_NegOp $x))>;
def : Pat<(Obj_DivOp (Obj_ConstantOp One), (Obj_AddOp (Obj_ExpOp $x), (Obj_ConstantOp One))),
          (Obj_SigmoidOp (Obj_NegOp $x))>;
#endif
