// Stabilising rewrites: the algebra first, then why the right side is better. They need no order among each other.
#ifndef DISCO_OBJ_STABILIZE
#define DISCO_OBJ_STABILIZE
include "mlir/IR/PatternBase.td"
include "compiler/dialect/ObjOps.td"

def One : ConstantAttr<F64Attr, "1.0">;
def MinusOne : ConstantAttr<F64Attr, "-1.0">;

// Pattern: log(sigmoid(x)) -> -softplus(-x)
// sigmoid(x) underflows to 0 below x = -104 and rounds to 1 above 17; the right side keeps full relative accuracy.
def : Pat<(Obj_LogOp (Obj_SigmoidOp $x)), (Obj_NegOp (Obj_SoftplusOp (Obj_NegOp $x)))>;

// Pattern: 1 - sigmoid(x) -> sigmoid(-x)
// Above x = 17 the left side is 0.
def : Pat<(Obj_SubOp (Obj_ConstantOp One), (Obj_SigmoidOp $x)), (Obj_SigmoidOp (Obj_NegOp $x))>;

// Pattern: log(1 + x) -> log1p(x)
// 1 + x drops the digits of a small x.
def : Pat<(Obj_LogOp (Obj_AddOp (Obj_ConstantOp One), $x)), (Obj_Log1pOp $x)>;
def : Pat<(Obj_LogOp (Obj_AddOp $x, (Obj_ConstantOp One))), (Obj_Log1pOp $x)>;

// Pattern: log(1 - x) -> log1p(-x)
def : Pat<(Obj_LogOp (Obj_SubOp (Obj_ConstantOp One), $x)), (Obj_Log1pOp (Obj_NegOp $x))>;

// Pattern: exp(x) - 1 -> expm1(x)
// The difference cancels near x = 0.
def : Pat<(Obj_SubOp (Obj_ExpOp $x), (Obj_ConstantOp One)), (Obj_Expm1Op $x)>;
def : Pat<(Obj_AddOp (Obj_ExpOp $x), (Obj_ConstantOp MinusOne)), (Obj_Expm1Op $x)>;

// Pattern: 1 - exp(x) -> -expm1(x)
def : Pat<(Obj_SubOp (Obj_ConstantOp One), (Obj_ExpOp $x)), (Obj_NegOp (Obj_Expm1Op $x))>;

// Pattern: log1p(exp(x)) -> softplus(x)
// exp(x) overflows above x = 88.
def : Pat<(Obj_Log1pOp (Obj_ExpOp $x)), (Obj_SoftplusOp $x)>;

// Pattern: log1p(-sigmoid(x)) -> -softplus(x)
def : Pat<(Obj_Log1pOp (Obj_NegOp (Obj_SigmoidOp $x))), (Obj_NegOp (Obj_SoftplusOp $x))>;

// Pattern: 1 / (1 + exp(x)) -> sigmoid(-x)
// The same value without the overflow, and an atom for the patterns above.
def : Pat<(Obj_DivOp (Obj_ConstantOp One), (Obj_AddOp (Obj_ConstantOp One), (Obj_ExpOp $x))),
          (Obj_SigmoidOp (Obj_NegOp $x))>;
def : Pat<(Obj_DivOp (Obj_ConstantOp One), (Obj_AddOp (Obj_ExpOp $x), (Obj_ConstantOp One))),
          (Obj_SigmoidOp (Obj_NegOp $x))>;
#endif
