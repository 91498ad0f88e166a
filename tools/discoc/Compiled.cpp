#include "tools/discoc/Compiled.h"

#include "trainer/Objective.h"

#include <cassert>
#if DISCO_WITH_COMPILER
#include "compiler/Compiler.h"
#endif

namespace disco::discoc {

#if DISCO_WITH_COMPILER

namespace {

compiler::Stage stageOf(Emit emit) {
  switch (emit) {
  case Emit::Obj:
    return compiler::Stage::Obj;
  case Emit::Grad:
    return compiler::Stage::Grad;
  case Emit::Loops:
    return compiler::Stage::Loops;
  case Emit::Llvm:
    return compiler::Stage::Llvm;
  case Emit::Asm:
    return compiler::Stage::Asm;
  case Emit::Ptx:
    return compiler::Stage::Ptx;
  case Emit::Ast:
  case Emit::Typed:
    break;
  }
  assert(false && "not a stage of the compiler");
  return compiler::Stage::Obj;
}

} // namespace

Result<std::string> emitStage(const dsl::Program &program, const Source &source, Emit stage,
                              const std::string &gpuArch) {
  return compiler::Compiler().emit(program, stageOf(stage),
                                   {.gpuArch = gpuArch, .source = &source});
}

Result<dsl::Evaluation> runOnHost(const dsl::Program &program, const dsl::Batch &batch,
                                  const std::vector<double> &parameters) {
  Result<runtime::HostKernel> kernel = compiler::Compiler().compileHost(program);
  if (!kernel)
    return kernel.error();
  return trainer::evaluate(*trainer::compiledObjective(program, std::move(*kernel), parameters),
                           batch);
}

#else

namespace {

Error withoutCompiler(const std::string &wanted) {
  return {wanted + " needs the compiler, and this discoc was built without it "
                   "(DISCO_WITH_COMPILER=OFF)"};
}

} // namespace

Result<std::string> emitStage(const dsl::Program &, const Source &, Emit, const std::string &) {
  return withoutCompiler("this stage");
}

Result<dsl::Evaluation> runOnHost(const dsl::Program &, const dsl::Batch &,
                                  const std::vector<double> &) {
  return withoutCompiler("`--engine=host`");
}

#endif

} // namespace disco::discoc
