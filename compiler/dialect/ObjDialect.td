// The dialect record.
#ifndef DISCO_OBJ_DIALECT
#define DISCO_OBJ_DIALECT
include "mlir/IR/DialectBase.td"

def Obj_Dialect : Dialect {
  let name = "obj";
  let cppNamespace = "::disco::obj";
  let summary = "typed preference objectives";
  let description = [{
    A closed set of pure operations on reals and bools that exist once per batch, per preference pair or per token of one of
    its completions. No shapes, no memory, no loops: those appear when an objective is lowered.
  }];
  let useDefaultTypePrinterParser = 1;
  let hasConstantMaterializer = 1;
}
#endif
