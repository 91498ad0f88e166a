// See Pipeline.h. Traps of the packaged MLIR 22 that shaped these lists:
//
// 1. convert-math-to-llvm turns log1p(x) into log(1 + x) and drops the digits of a small x; other
//    functions become calls of a mathematics library, which on the GPU surface as `.extern` only
//    when the driver loads the module. So our lowerings emit polynomials (passes/LaneMath.cpp), and
//    of math only operations with an LLVM intrinsic that is one instruction.
//
// 2. An LLVM middle end at -O2 costs six times our whole compile and makes these vector loops
//    slower; its loop vectoriser can take minutes on a hostile program. The code below goes to
//    instruction selection as it is.
//
// 3. NVPTX ends the process when asked for an architecture that the default PTX version does not
//    know (targets/Nvptx.cpp).
#include "compiler/Pipeline.h"

#include "compiler/dialect/Obj.h"
#include "compiler/passes/Passes.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/ConvertToLLVM/ToLLVMPass.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/SCFToControlFlow/SCFToControlFlow.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace disco;

void compiler::addSimplification(OpPassManager &passes) {
  OpPassManager &objective = passes.nest<obj::ObjectiveOp>();
  objective.addPass(createCanonicalizerPass());
  objective.addPass(obj::createObjStabilize());
  objective.addPass(createCSEPass());
  objective.addPass(obj::createObjVerifySealed());
}

void compiler::addDifferentiation(OpPassManager &passes) {
  OpPassManager &objective = passes.nest<obj::ObjectiveOp>();
  // After stabilising: log(sigmoid(x)) has a stable derivative only as softplus.
  objective.addPass(obj::createObjDifferentiate());
  objective.addPass(createCanonicalizerPass());
  objective.addPass(createCSEPass());
}

void compiler::addHostLoops(OpPassManager &passes, bool isFloat64, bool isPortable) {
  passes.addPass(obj::createObjLowerToLoops({.isFloat64 = isFloat64}));
  if (isPortable) // else it becomes a call of a mathematics library
    passes.addPass(math::createMathExpandOpsPass({.opMnemonics = {"fma"}}));
  // The exponential of |x| that sigmoid(x), sigmoid(-x) and softplus(x) each ask for becomes one.
  passes.addPass(createCSEPass());
}

void compiler::addGpuKernels(OpPassManager &passes) {
  passes.addPass(obj::createObjLowerToGpu());
  passes.addPass(createCSEPass());
}

void compiler::addLlvm(OpPassManager &passes) {
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertToLLVMPass());
}

void compiler::registerPipelineDialects(DialectRegistry &registry) {
  registry.insert<obj::ObjDialect, arith::ArithDialect, cf::ControlFlowDialect, LLVM::LLVMDialect,
                  math::MathDialect, NVVM::NVVMDialect, scf::SCFDialect>();
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  registerConvertMathToLLVMInterface(registry);
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}
