// Rewrites that are exact in IEEE arithmetic, NaN and signed zeros included (SPEC R1, R2, R3, R4 and R5). x + 0, x * 0 and
// x - x are not among them.
#ifndef DISCO_OBJ_CANONICALIZE
#define DISCO_OBJ_CANONICALIZE
include "mlir/IR/PatternBase.td"
include "compiler/dialect/ObjOps.td"

class Number<string value> : ConstantAttr<F64Attr, value>;
def FiniteNumber : AttrConstraint<
    CPred<"::llvm::cast<::mlir::FloatAttr>($_self).getValue().isFinite()">, "finite">;
def SameType : Constraint<CPred<"$0.getType() == $1.getType()">>;
def Negated : NativeCodeCall<"$_builder.getF64FloatAttr(-::llvm::cast<::mlir::FloatAttr>($0).getValueAsDouble())">;

// Pattern: -(-x) -> x
def NegNeg : Pat<(Obj_NegOp (Obj_NegOp $x)), (replaceWithValue $x)>;
// Pattern: -(c) -> (-c)
def NegConstant : Pat<(Obj_NegOp (Obj_ConstantOp $c)), (Obj_ConstantOp (Negated $c))>;
// Pattern: x - 0 -> x
def SubZero : Pat<(Obj_SubOp $x, (Obj_ConstantOp Number<"0.0">)), (replaceWithValue $x)>;
// Pattern: x * 1 -> x
def MulOne : Pat<(Obj_MulOp $x, (Obj_ConstantOp Number<"1.0">)), (replaceWithValue $x)>;
// Pattern: x * -1 -> -x
def MulMinusOne : Pat<(Obj_MulOp $x, (Obj_ConstantOp Number<"-1.0">)), (Obj_NegOp $x)>;
// Pattern: x / 1 -> x
def DivOne : Pat<(Obj_DivOp $x, (Obj_ConstantOp Number<"1.0">)), (replaceWithValue $x)>;
// Pattern: x ^ 1 -> x
def PowOne : Pat<(Obj_PowOp $x, (Obj_ConstantOp Number<"1.0">)), (replaceWithValue $x)>;
// Pattern: x ^ 2 -> x * x
def PowTwo : Pat<(Obj_PowOp $x, (Obj_ConstantOp Number<"2.0">)), (Obj_MulOp $x, $x)>;
// Pattern: not not x -> x
def NotNot : Pat<(Obj_NotOp (Obj_NotOp $x)), (replaceWithValue $x)>;
// Pattern: where(c, x, x) -> x
def SelectSame : Pat<(Obj_SelectOp:$whole $c, $x, $x), (replaceWithValue $x), [(SameType $whole, $x)]>;
// Pattern: chain(1, x) -> x
def ChainSeedOne : Pat<(Obj_ChainOp (Obj_ConstantOp Number<"1.0">), $x), (replaceWithValue $x)>;
// Pattern: chain(x, 1) -> x
def ChainSlopeOne : Pat<(Obj_ChainOp $x, (Obj_ConstantOp Number<"1.0">)), (replaceWithValue $x)>;
// Pattern: chain(x, c) -> x * c for finite c
def ChainFinite : Pat<(Obj_ChainOp $x, (Obj_ConstantOp:$c FiniteNumber:$value)), (Obj_MulOp $x, $c)>;
// Pattern: chain(1 / n, x) -> (1 / n) * x, n being the number of pairs
def ChainMean : Pat<(Obj_ChainOp (Obj_DivOp:$seed (Obj_ConstantOp Number<"1.0">), (Obj_BatchSizeOp)), $x), (Obj_MulOp $seed, $x)>;
// Pattern: chain(-x, y) -> -chain(x, y)
def ChainNeg : Pat<(Obj_ChainOp (Obj_NegOp $x), $y), (Obj_NegOp (Obj_ChainOp $x, $y))>;
#endif
