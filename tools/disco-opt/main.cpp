// mlir-opt with the obj dialect and its passes: runs passes on text, for tests and for looking.
#include "compiler/Pipeline.h"
#include "compiler/passes/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "mlir/Transforms/Passes.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  disco::compiler::registerPipelineDialects(registry);
  disco::obj::registerObjPasses();
  mlir::registerCanonicalizerPass();
  mlir::registerCSEPass();
  mlir::registerSCFToControlFlowPass();
  mlir::registerConvertToLLVMPass();
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "obj optimizer driver\n", registry));
}
