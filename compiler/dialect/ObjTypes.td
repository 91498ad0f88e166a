// !obj.real<E> and !obj.bool<E> for the four extents E: the whole type system (SPEC, types).
#ifndef DISCO_OBJ_TYPES
#define DISCO_OBJ_TYPES
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "compiler/dialect/ObjDialect.td"

def Obj_Extent : I32EnumAttr<"Extent", "how many numbers a value is", [
    I32EnumAttrCase<"Batch", 0, "batch">, I32EnumAttrCase<"Pair", 1, "pair">,
    I32EnumAttrCase<"ChosenToken", 2, "chosen_token">, I32EnumAttrCase<"RejectedToken", 3, "rejected_token">]> {
  let cppNamespace = "::disco::obj";
  let genSpecializedAttr = 0;
}

class Obj_Type<string name, string typeMnemonic, string text> : TypeDef<Obj_Dialect, name> {
  let mnemonic = typeMnemonic;
  let summary = text;
  let parameters = (ins EnumParameter<Obj_Extent>:$extent);
  let assemblyFormat = "`<` $extent `>`";
}
def Obj_Real : Obj_Type<"Real", "real", "a real per batch, pair or token">;
def Obj_Bool : Obj_Type<"Bool", "bool", "a truth value per batch, pair or token">;

def Obj_PairReal : Type<
    CPred<"$_self == ::disco::obj::RealType::get($_self.getContext(), ::disco::obj::Extent::Pair)">, "real per pair">,
  BuildableType<"::disco::obj::RealType::get($_builder.getContext(), ::disco::obj::Extent::Pair)">;
def Obj_BatchReal : Type<
    CPred<"$_self == ::disco::obj::RealType::get($_self.getContext(), ::disco::obj::Extent::Batch)">, "real per batch">,
  BuildableType<"::disco::obj::RealType::get($_builder.getContext(), ::disco::obj::Extent::Batch)">;
def Obj_TokenReal : Type<
    CPred<"::llvm::isa<::disco::obj::RealType>($_self) && ::disco::obj::isToken(::disco::obj::extentOf($_self))">,
  "real per token">;
#endif
