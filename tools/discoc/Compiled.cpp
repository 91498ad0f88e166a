#include "tools/discoc/Compiled.h"

#include "trainer/EvaluateInDouble.h"
#include "trainer/Objective.h"

#include <cassert>
#if DISCO_WITH_COMPILER
#include "compiler/service/Service.h"
#include "runtime/Artefact.h"
#include "tools/discoc/CHeader.h"
#include "tools/discoc/Linker.h"
#include "trainer/data/AtomicFile.h"

#include <filesystem>
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
  case Emit::Object:
  case Emit::So:
  case Emit::Dpoc:
    break;
  }
  assert(false && "not a stage of the compiler");
  return compiler::Stage::Obj;
}

compiler::HostOptions hostOptions(const Options &options) {
  compiler::HostOptions host;
  if (!options.target.empty())
    host.target = *runtime::targetByName(options.target);
  host.dtype = *runtime::dtypeByName(options.dtype);
  return host;
}

Result<compiler::Service> serviceFor(const Options &options) {
  Result<compiler::ServiceOptions> usual =
      compiler::usualService(options.inProcess, options.noCache);
  return usual ? Result<compiler::Service>(compiler::Service(std::move(*usual))) : usual.error();
}

Result<std::string> artefactOf(const dsl::Program &program, const Options &options) {
  Result<compiler::Service> service = serviceFor(options);
  if (!service)
    return service.error();
  runtime::Artefact artefact{.build = std::string(compiler::buildId()), .images = {}};
  for (runtime::Target target : runtime::kTargets) {
    Result<runtime::KernelImage> image =
        service->compile(program, {.target = target, .dtype = hostOptions(options).dtype});
    if (!image)
      return image.error();
    artefact.images.push_back(std::move(*image));
  }
  return runtime::writeArtefact(artefact);
}

Result<std::string> objectOf(const dsl::Program &program, const compiler::HostOptions &host) {
  const compiler::InProcessBudget budget("compiling `" + program.name + "`");
  return compiler::Compiler().compileObject(program, host);
}

} // namespace

Result<std::string> emitStage(const dsl::Program &program, const Source &source,
                              const Options &options) {
  const compiler::InProcessBudget budget("compiling `" + program.name + "`");
  return compiler::Compiler().emit(
      program, stageOf(options.stage),
      {.gpuArch = options.gpuArch, .source = &source, .host = hostOptions(options)});
}

Result<void> emitFiles(const dsl::Program &program, const Options &options) {
  const std::string &path = *options.output;
  if (options.stage == Emit::Dpoc) {
    Result<std::string> artefact = artefactOf(program, options);
    return artefact ? data::writeFileAtomically(path, *artefact) : artefact.error();
  }
  const compiler::HostOptions host = hostOptions(options);
  const Result<std::string> object = objectOf(program, host);
  if (!object)
    return object.error();
  Result<void> written = options.stage == Emit::Object ? data::writeFileAtomically(path, *object)
                                                       : linkShared(*object, path);
  if (!written)
    return written.error();
  return data::writeFileAtomically(
      std::filesystem::path(path).replace_extension(".h").string(),
      cHeader(compiler::signatureOf(program), host.target, host.dtype));
}

Result<dsl::Evaluation> runOnHost(const dsl::Program &program, const dsl::Batch &batch,
                                  const std::vector<double> &parameters, const Options &options) {
  Result<compiler::Service> service = serviceFor(options);
  if (!service)
    return service.error();
  Result<runtime::KernelImage> image = service->compile(program, hostOptions(options));
  if (!image)
    return image.error();
  Result<runtime::HostKernel> kernel = runtime::load(*image);
  if (!kernel)
    return kernel.error();
  if (kernel->dtype == runtime::Dtype::Float64)
    return trainer::evaluateInDouble(program, *kernel, batch, parameters);
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

Result<std::string> emitStage(const dsl::Program &, const Source &, const Options &) {
  return withoutCompiler("this stage");
}

Result<void> emitFiles(const dsl::Program &, const Options &) {
  return withoutCompiler("this stage");
}

Result<dsl::Evaluation> runOnHost(const dsl::Program &, const dsl::Batch &,
                                  const std::vector<double> &, const Options &) {
  return withoutCompiler("`--engine=host`");
}

#endif

} // namespace disco::discoc
