// See Compiler.h: the warm state, and how far down the pipeline each request goes.
#include "compiler/Compiler.h"

#include "compiler/Pipeline.h"
#include "compiler/emit/EmitObj.h"
#include "compiler/targets/Host.h"
#include "compiler/targets/Nvptx.h"
#include "dsl/Dsl.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace disco;
using namespace disco::compiler;

namespace {

DialectRegistry pipelineRegistry() {
  DialectRegistry registry;
  registerPipelineDialects(registry);
  return registry;
}

/// The place that a location of emitObj names.
std::string describe(Location loc) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (auto place = loc->findInstanceOf<FileLineColLoc>())
    stream << "objective " << place.getFilename().getValue() << ", byte " << place.getColumn();
  else
    stream << loc;
  return text;
}

std::string printed(const llvm::Module &module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, nullptr);
  return text;
}

std::string refusalText(const dsl::Program &program, dsl::NodeId refused) {
  const dsl::Node &node = program[refused];
  const std::string_view name = node.op == dsl::Op::Input ? dsl::inputName(dsl::Input(node.index))
                                : node.op == dsl::Op::Column ? program.columns[node.index].name
                                : node.op == dsl::Op::State  ? program.states[node.index].name
                                                             : dsl::opMnemonic(node.op);
  const std::string_view what = node.op == dsl::Op::Column  ? "the column "
                                : node.op == dsl::Op::State ? "the state "
                                                            : "";
  return "objective `" + program.name + "`: " + std::string(what) + "`" + std::string(name) +
         "` is not compiled yet; evaluate it with `--engine=interpreter`";
}

} // namespace

struct Compiler::State {
  MLIRContext context{pipelineRegistry(), MLIRContext::Threading::DISABLED};
  // Pass managers keep what their passes set up, rewrite patterns above all.
  PassManager simplify{&context}, differentiate{&context}, hostLoops{&context},
      gpuKernels{&context}, llvmDialect{&context};
  Result<HostTarget> host = HostTarget::create();
  std::string problems; // what MLIR reported during the current request

  State() {
    context.loadAllAvailableDialects();
    addSimplification(simplify);
    addDifferentiation(differentiate);
    addHostLoops(hostLoops);
    addGpuKernels(gpuKernels);
    addLlvm(llvmDialect);
    // What we build is checked where it is checked by construction: in tests and debug builds.
#ifdef NDEBUG
    for (PassManager *passes : {&simplify, &differentiate, &hostLoops, &gpuKernels, &llvmDialect})
      passes->enableVerifier(false);
#endif
    context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
        problems += (problems.empty() ? "" : "\n") + describe(diagnostic.getLocation()) + ": " +
                    diagnostic.str();
      return success();
    });
  }

  Error failure(const char *step) {
    return Error{std::string(step) + " failed" + (problems.empty() ? "" : ": " + problems)};
  }

  /// The objective after all passes up to `stage`.
  Result<OwningOpRef<ModuleOp>> lowered(const dsl::Program &program, Stage stage) {
    problems.clear();
    if (std::optional<dsl::NodeId> refused = firstRefused(program))
      return Error{refusalText(program, *refused)};
    OwningOpRef<ModuleOp> module = emitObj(context, program);
    if (failed(simplify.run(*module)))
      return failure("simplifying the objective");
    if (stage == Stage::Obj)
      return module;
    if (failed(differentiate.run(*module)))
      return failure("differentiating the objective");
    if (stage == Stage::Grad)
      return module;
    if (failed((stage == Stage::Ptx ? gpuKernels : hostLoops).run(*module)))
      return failure("lowering the objective to loops");
    if (stage == Stage::Loops)
      return module;
    if (failed(llvmDialect.run(*module)))
      return failure("lowering the objective to LLVM");
    return module;
  }

  Result<std::unique_ptr<llvm::Module>> translated(llvm::LLVMContext &llvmContext,
                                                   const dsl::Program &program, Stage stage) {
    Result<OwningOpRef<ModuleOp>> module = lowered(program, stage);
    if (!module)
      return module.error();
    std::unique_ptr<llvm::Module> result =
        translateModuleToLLVMIR(**module, llvmContext, program.name);
    if (!result)
      return failure("translating the objective to LLVM IR");
    return result;
  }
};

Compiler::Compiler() : state_(std::make_unique<State>()) {}
Compiler::~Compiler() = default;
Compiler::Compiler(Compiler &&) noexcept = default;
Compiler &Compiler::operator=(Compiler &&) noexcept = default;

Result<runtime::HostKernel> Compiler::compileHost(const dsl::Program &program) {
  if (!state_->host)
    return state_->host.error();
  llvm::LLVMContext llvmContext;
  Result<std::unique_ptr<llvm::Module>> module =
      state_->translated(llvmContext, program, Stage::Llvm);
  if (!module)
    return module.error();
  state_->host->prepare(**module);
  runtime::HostKernel kernel;
  if (Result<void> loaded = state_->host->load(**module, kernel); !loaded)
    return loaded.error();
  kernel.signature = signatureOf(program);
  return kernel;
}

Result<std::string> Compiler::emit(const dsl::Program &program, Stage stage,
                                   const EmitOptions &options) {
  if (stage <= Stage::Loops) {
    Result<OwningOpRef<ModuleOp>> module = state_->lowered(program, stage);
    if (!module)
      return module.error();
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*module)->print(stream);
    return text + "\n";
  }
  if (stage != Stage::Ptx && !state_->host)
    return state_->host.error();
  llvm::LLVMContext llvmContext;
  Result<std::unique_ptr<llvm::Module>> module = state_->translated(llvmContext, program, stage);
  if (!module)
    return module.error();
  if (stage == Stage::Ptx)
    return emitPtx(**module, options.gpuArch);
  state_->host->prepare(**module);
  return stage == Stage::Llvm ? Result<std::string>(printed(**module))
                              : state_->host->assembly(**module);
}

std::optional<Error> compiler::refusal(const dsl::Program &program, const Source &source) {
  const std::optional<dsl::NodeId> refused = firstRefused(program);
  if (!refused)
    return std::nullopt;
  const LineColumn place = source.lineColumn(program[*refused].span.begin);
  return Error{source.name() + ":" + std::to_string(place.line) + ":" +
               std::to_string(place.column) + ": " + refusalText(program, *refused)};
}

runtime::Signature compiler::signatureOf(const dsl::Program &program) {
  runtime::Signature signature;
  signature.objective = program.name;
  signature.codeHash = dsl::codeHash(program);
  for (dsl::Input input : pairInputs(program))
    signature.inputs.emplace_back(dsl::inputName(input));
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    if (dsl::inputHasGradient(dsl::Input(i)) && !dsl::isToken(dsl::inputExtent(dsl::Input(i))))
      signature.gradients.emplace_back(dsl::inputName(dsl::Input(i)));
  for (const dsl::Parameter &parameter : program.parameters) {
    signature.parameters.push_back(parameter.name);
    signature.defaults.push_back(parameter.defaultValue);
  }
  for (const dsl::Metric &metric : program.metrics)
    signature.metrics.push_back(metric.name);
  return signature;
}
