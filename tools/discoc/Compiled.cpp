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

std::vector<double> widened(const std::vector<float> &values) {
  return std::vector<double>(values.begin(), values.end());
}

} // namespace

Result<std::string> emitStage(const dsl::Program &program, const Source &source, Emit stage,
                              const std::string &gpuArch) {
  if (std::optional<Error> refused = compiler::refusal(program, source))
    return *refused;
  return compiler::Compiler().emit(program, stageOf(stage), {.gpuArch = gpuArch});
}

Result<dsl::Evaluation> runOnHost(const dsl::Program &program, const Source &source,
                                  const BatchColumns &batch,
                                  const std::vector<double> &parameters) {
  if (std::optional<Error> refused = compiler::refusal(program, source))
    return *refused;
  Result<runtime::HostKernel> kernel = compiler::Compiler().compileHost(program);
  if (!kernel)
    return kernel.error();
  std::array<std::vector<float>, dsl::kInputCount> columns;
  trainer::ObjectiveInputs inputs{.pairs = batch.pairs};
  for (size_t i = 0; i < dsl::kInputCount; ++i) {
    columns[i].assign(batch.columns[i].begin(), batch.columns[i].end());
    inputs.columns[i] = columns[i];
  }
  auto objective = trainer::compiledObjective(program, std::move(*kernel), parameters);
  std::vector<float> chosen_B(batch.pairs), rejected_B(batch.pairs);
  dsl::Evaluation out;
  trainer::ObjectiveGradients gradients;
  gradients[size_t(dsl::Input::policy_chosen_logps)] = chosen_B;
  gradients[size_t(dsl::Input::policy_rejected_logps)] = rejected_B;
  out.loss = objective->gradient(inputs, gradients);
  out.gradients[size_t(dsl::Input::policy_chosen_logps)] = widened(chosen_B);
  out.gradients[size_t(dsl::Input::policy_rejected_logps)] = widened(rejected_B);
  trainer::ObjectiveReport report;
  objective->report(inputs, report);
  out.losses = widened(report.losses);
  out.chosenRewards = widened(report.chosenRewards);
  out.rejectedRewards = widened(report.rejectedRewards);
  out.metrics = widened(report.metrics);
  return out;
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

Result<dsl::Evaluation> runOnHost(const dsl::Program &, const Source &, const BatchColumns &,
                                  const std::vector<double> &) {
  return withoutCompiler("`--engine=host`");
}

#endif

} // namespace disco::discoc
