// The operations: one per row of dsl/Ops.def under the same mnemonic (emit/EmitObj.cpp refuses to compile otherwise), and
// the structure around them. What an operation means stands in grammars/SPEC.md under its mnemonic.
#ifndef DISCO_OBJ_OPS
#define DISCO_OBJ_OPS
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "compiler/dialect/Differentiable.td"
include "compiler/dialect/ObjTypes.td"

class Obj_Op<string mnemonic, list<Trait> traits = []> : Op<Obj_Dialect, mnemonic, traits>;

// ---- structure ----

def Obj_ObjectiveOp : Obj_Op<"objective", [
    IsolatedFromAbove, Symbol, SingleBlock,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>]> {
  let summary = "one objective over the preference pairs of an optimiser step";
  let description = [{
    Block arguments are the inputs and columns it reads, per pair or per token, named by `inputs`. `wrt` names the inputs that
    receive a gradient, whether read or not. Its value is the mean of the yielded loss over pairs.

        obj.objective @slope(policy_chosen_logps: %chosen) parameters [beta] wrt [policy_chosen_logps] metrics [] { ... }
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$inputs, StrArrayAttr:$parameters,
                       StrArrayAttr:$states, StrArrayAttr:$wrt, StrArrayAttr:$metrics);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The argument for an input; null where the objective does not read it.
    ::mlir::Value getInput(::llvm::StringRef name);
    YieldOp getYield();
  }];
}

def Obj_YieldOp : Obj_Op<"yield", [Terminator, Pure, HasParent<"ObjectiveOp">, AttrSizedOperandSegments]> {
  let summary = "the results of an objective; gradients are there once it has been differentiated";
  let arguments = (ins Obj_Real:$loss, Variadic<Obj_Real>:$rewards, Variadic<Obj_Real>:$metrics,
                       Variadic<Obj_Real>:$gradients);
  let assemblyFormat = [{
    `loss` $loss `:` type($loss) (`rewards` $rewards^ `:` type($rewards))? (`metrics` $metrics^ `:` type($metrics))?
    (`gradients` $gradients^ `:` type($gradients))? attr-dict
  }];
}

def Obj_ConstantOp : Obj_Op<"constant", [Pure, ConstantLike]> {
  let summary = "a number, held in double";
  let arguments = (ins F64Attr:$value);
  let results = (outs Obj_BatchReal:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
}

def Obj_ParameterOp : Obj_Op<"param", [Pure]> {
  let summary = "a parameter; its value arrives with each call of the kernel, at this index";
  let arguments = (ins I64Attr:$index, StrAttr:$name);
  let results = (outs Obj_BatchReal:$result);
  let assemblyFormat = "$index $name attr-dict";
}

def Obj_StateOp : Obj_Op<"state", [Pure]> {
  let summary = "a number kept between steps; its value before the step arrives with each call, at this index";
  let arguments = (ins I64Attr:$index, StrAttr:$name);
  let results = (outs Obj_BatchReal:$result);
  let assemblyFormat = "$index $name attr-dict";
}

def Obj_ProgressOp : Obj_Op<"progress", [Pure]> {
  let summary = "fraction of the planned steps that are done; arrives with each call";
  let results = (outs Obj_BatchReal:$result);
  let assemblyFormat = "attr-dict";
}

def Obj_BatchSizeOp : Obj_Op<"batch_size", [Pure]> {
  let summary = "the number of pairs; the one input that is not read from memory";
  let results = (outs Obj_BatchReal:$result);
  let assemblyFormat = "attr-dict";
}

// ---- pointwise ----

// The result exists per pair, or per token of a side, as soon as one operand does.
class Obj_Pointwise<string mnemonic, TypeDef kind, list<Trait> traits> : Obj_Op<mnemonic, !listconcat(traits, [
    Pure, InferTypeOpAdaptor])> {
  let results = (outs kind:$result);
  let extraClassDefinition = [{
    ::llvm::LogicalResult $cppClass::inferReturnTypes(::mlir::MLIRContext *context, ::std::optional<::mlir::Location>,
        Adaptor adaptor, ::llvm::SmallVectorImpl<::mlir::Type> &types) {
      types.push_back(::disco::obj::}] # kind.cppClassName # [{::get(context,
          ::disco::obj::joinExtents(adaptor.getOperands().getTypes())));
      return ::mlir::success();
    }
  }];
}
class Obj_Unary<string mnemonic, list<Trait> traits = [DeclareOpInterfaceMethods<Differentiable>]>
    : Obj_Pointwise<mnemonic, Obj_Real, traits> {
  let arguments = (ins Obj_Real:$x);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}
class Obj_Binary<string mnemonic, list<Trait> traits = []>
    : Obj_Pointwise<mnemonic, Obj_Real, !listconcat(traits, [DeclareOpInterfaceMethods<Differentiable>])> {
  let arguments = (ins Obj_Real:$lhs, Obj_Real:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)";
}
class Obj_Compare<string mnemonic, list<Trait> traits = []> : Obj_Pointwise<mnemonic, Obj_Bool, traits> {
  let arguments = (ins Obj_Real:$lhs, Obj_Real:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)";
}
class Obj_Logic<string mnemonic> : Obj_Pointwise<mnemonic, Obj_Bool, [Commutative]> {
  let arguments = (ins Obj_Bool:$lhs, Obj_Bool:$rhs);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs) `,` type($rhs)";
}

def Obj_NegOp : Obj_Unary<"neg"> { let hasCanonicalizer = 1; }
def Obj_ExpOp : Obj_Unary<"exp">;
def Obj_LogOp : Obj_Unary<"log">;
def Obj_Log1pOp : Obj_Unary<"log1p">;
def Obj_Expm1Op : Obj_Unary<"expm1">;
def Obj_SqrtOp : Obj_Unary<"sqrt">;
def Obj_AbsOp : Obj_Unary<"abs">;
def Obj_SignOp : Obj_Unary<"sign", []>;
def Obj_TanhOp : Obj_Unary<"tanh">;
def Obj_SigmoidOp : Obj_Unary<"sigmoid">;
def Obj_SoftplusOp : Obj_Unary<"softplus">;
def Obj_DetachOp : Obj_Unary<"detach", []>;
def Obj_AddOp : Obj_Binary<"add", [Commutative]>;
def Obj_SubOp : Obj_Binary<"sub"> { let hasCanonicalizer = 1; }
def Obj_MulOp : Obj_Binary<"mul", [Commutative]> { let hasCanonicalizer = 1; }
def Obj_DivOp : Obj_Binary<"div"> { let hasCanonicalizer = 1; }
def Obj_PowOp : Obj_Binary<"pow"> { let hasCanonicalizer = 1; }
def Obj_MinOp : Obj_Binary<"min", [Commutative]>;
def Obj_MaxOp : Obj_Binary<"max", [Commutative]>;
def Obj_LtOp : Obj_Compare<"lt">;
def Obj_LeOp : Obj_Compare<"le">;
def Obj_EqOp : Obj_Compare<"eq", [Commutative]>;
def Obj_NeOp : Obj_Compare<"ne", [Commutative]>;
def Obj_AndOp : Obj_Logic<"and">;
def Obj_OrOp : Obj_Logic<"or">;
def Obj_NotOp : Obj_Pointwise<"not", Obj_Bool, []> {
  let arguments = (ins Obj_Bool:$x);
  let assemblyFormat = "$x attr-dict `:` type($x)";
  let hasCanonicalizer = 1;
}
def Obj_SelectOp : Obj_Pointwise<"where", Obj_Real, [DeclareOpInterfaceMethods<Differentiable>]> {
  let arguments = (ins Obj_Bool:$condition, Obj_Real:$then, Obj_Real:$otherwise);
  let assemblyFormat =
    "$condition `,` $then `,` $otherwise attr-dict `:` type($condition) `,` type($then) `,` type($otherwise)";
  let hasCanonicalizer = 1;
}

def Obj_ChainOp : Obj_Pointwise<"chain", Obj_Real, []> {
  let summary = "0 where `seed` is exactly 0, else seed * slope";
  let description = [{
    The product of the reverse sweep: an adjoint that is exactly 0 contributes exactly 0, also where the slope is not finite.
    Only adjoints use it.
  }];
  let arguments = (ins Obj_Real:$seed, Obj_Real:$slope);
  let assemblyFormat = "$seed `,` $slope attr-dict `:` type($seed) `,` type($slope)";
  let hasCanonicalizer = 1;
}

// ---- batch ----

def Obj_BatchSumOp : Obj_Op<"batch_sum", [Pure, DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "sum over all pairs";
  let arguments = (ins Obj_PairReal:$x);
  let results = (outs Obj_BatchReal:$result);
  let assemblyFormat = "$x attr-dict";
}

def Obj_BatchMaxOp : Obj_Op<"batch_max", [Pure, DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "the largest over all pairs; NaN if any is";
  let arguments = (ins Obj_PairReal:$x);
  let results = (outs Obj_BatchReal:$result);
  let assemblyFormat = "$x attr-dict";
}

def Obj_BatchSortOp : Obj_Op<"batch_sort", [Pure, DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "the values of all pairs in ascending order: pair i gets the i-th smallest, NaN last";
  let arguments = (ins Obj_PairReal:$x);
  let results = (outs Obj_PairReal:$result);
  let assemblyFormat = "$x attr-dict";
}

def Obj_BatchUnsortOp : Obj_Op<"batch_unsort", [Pure]> {
  let summary = "takes values in the order of `sorted` back to the pairs they belong to";
  let description = [{ The adjoint of a sort: gradient follows the permutation. Only adjoints use it. }];
  let arguments = (ins Obj_Real:$x, Obj_PairReal:$sorted);
  let results = (outs Obj_PairReal:$result);
  let assemblyFormat = "$x `,` $sorted attr-dict `:` type($x)";
}

def Obj_QuantileWeightOp : Obj_Op<"quantile_weight", [Pure]> {
  let summary = "what each rank weighs in the quantile `level`: 1 - |rank - level (n - 1)|, at least 0";
  let arguments = (ins Obj_BatchReal:$level);
  let results = (outs Obj_PairReal:$result);
  let assemblyFormat = "$level attr-dict";
}

// ---- tokens ----

def Obj_TokenSumOp : Obj_Op<"token_sum", [Pure, DeclareOpInterfaceMethods<Differentiable>]> {
  let summary = "sum over the completion tokens of each pair";
  let arguments = (ins Obj_TokenReal:$x);
  let results = (outs Obj_PairReal:$result);
  let assemblyFormat = "$x attr-dict `:` type($x)";
}

def Obj_TokenIndexOp : Obj_Op<"token_index", [Pure]> {
  let summary = "the place of each token in its completion, from 0";
  let results = (outs Obj_TokenReal:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Obj_TokenCountOp : Obj_Op<"token_count", [Pure]> {
  let summary = "how many tokens each pair has on a side";
  let arguments = (ins BoolAttr:$chosen);
  let results = (outs Obj_PairReal:$result);
  let assemblyFormat = "$chosen attr-dict";
}
#endif
