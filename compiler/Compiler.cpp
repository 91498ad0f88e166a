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

#include <map>

using namespace mlir;
using namespace disco;
using namespace disco::compiler;

namespace {

/// Of LLVM IR. An instruction takes 20 to 70 us of code generation, so that little is left for the
/// limit of time (service/Budget.h) to end; shipped objectives have up to 1,300.
constexpr unsigned kMostInstructions = 50000;

DialectRegistry pipelineRegistry() {
  DialectRegistry registry;
  registerPipelineDialects(registry);
  return registry;
}

/// The place in `source` that a location of emitObj names; the objective and byte without a source.
std::string describe(Location loc, const Source *source) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  auto place = loc->findInstanceOf<FileLineColLoc>();
  if (place && source) {
    const LineColumn at = source->lineColumn(place.getColumn());
    stream << source->name() << ":" << at.line << ":" << at.column;
  } else if (place) {
    stream << "objective " << place.getFilename().getValue() << ", byte " << place.getColumn();
  } else {
    stream << loc;
  }
  return text;
}

std::string printed(const llvm::Module &module) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module.print(stream, nullptr);
  return text;
}

/// What obj-lower-to-loops says about how an entry point runs.
std::string planOf(ModuleOp module, StringRef attribute) {
  return module->getAttrOfType<StringAttr>(attribute).getValue().str();
}

} // namespace

struct Compiler::State {
  MLIRContext context{pipelineRegistry(), MLIRContext::Threading::DISABLED};
  // Pass managers keep what their passes set up, rewrite patterns above all.
  PassManager simplify{&context}, differentiate{&context}, gpuKernels{&context},
      llvmDialect{&context};
  std::map<std::pair<runtime::Dtype, bool>, PassManager> hostLoops; // by type and whether portable
  std::map<runtime::Target, HostTarget> hosts;                      // made when first asked for
  const Source *source = nullptr; // of the current request, where its places are wanted
  std::string problems;           // what MLIR reported during it

  State() {
    context.loadAllAvailableDialects();
    addSimplification(simplify);
    addDifferentiation(differentiate);
    for (runtime::Dtype dtype : {runtime::Dtype::Float32, runtime::Dtype::Float64})
      for (bool isPortable : {false, true})
        addHostLoops(hostLoops.try_emplace({dtype, isPortable}, &context).first->second,
                     dtype == runtime::Dtype::Float64, isPortable);
    addGpuKernels(gpuKernels);
    addLlvm(llvmDialect);
    // What we build is checked where it is checked by construction: in tests and debug builds.
#ifdef NDEBUG
    for (PassManager *passes : {&simplify, &differentiate, &gpuKernels, &llvmDialect})
      passes->enableVerifier(false);
    for (auto &[key, passes] : hostLoops)
      passes.enableVerifier(false);
#endif
    context.getDiagEngine().registerHandler([this](mlir::Diagnostic &diagnostic) {
      if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
        problems += (problems.empty() ? "" : "\n") + describe(diagnostic.getLocation(), source) +
                    ": " + diagnostic.str();
      return success();
    });
  }

  Result<HostTarget *> host(runtime::Target target) {
    auto found = hosts.find(target);
    if (found == hosts.end()) {
      Result<HostTarget> made = HostTarget::create(target);
      if (!made)
        return made.error();
      found = hosts.emplace(target, std::move(*made)).first;
    }
    return &found->second;
  }

  Error failure(const char *step) {
    return Error{std::string(step) + " failed" + (problems.empty() ? "" : ": " + problems)};
  }

  /// The objective after all passes up to `stage`.
  Result<OwningOpRef<ModuleOp>> lowered(const dsl::Program &program, Stage stage,
                                        const HostOptions &host, const Source *text = nullptr) {
    source = text;
    problems.clear();
    OwningOpRef<ModuleOp> module = emitObj(context, program);
    if (failed(simplify.run(*module)))
      return failure("simplifying the objective");
    if (stage == Stage::Obj)
      return module;
    if (failed(differentiate.run(*module)))
      return failure("differentiating the objective");
    if (stage == Stage::Grad)
      return module;
    PassManager &kernels =
        stage == Stage::Ptx ? gpuKernels
                            : hostLoops.at({host.dtype, host.target == runtime::Target::Portable});
    if (failed(kernels.run(*module)))
      return failure("lowering the objective to loops");
    if (stage == Stage::Loops)
      return module;
    if (failed(llvmDialect.run(*module)))
      return failure("lowering the objective to LLVM");
    return module;
  }

  Result<std::unique_ptr<llvm::Module>> translated(llvm::LLVMContext &llvmContext, ModuleOp module,
                                                   const dsl::Program &program) {
    std::unique_ptr<llvm::Module> result =
        translateModuleToLLVMIR(module, llvmContext, program.name);
    if (!result)
      return failure("translating the objective to LLVM IR");
    return result;
  }

  struct HostModule {
    HostTarget *target = nullptr;
    std::unique_ptr<llvm::Module> module;
    runtime::KernelImage description; // without code
  };
  Result<HostModule> hostModule(llvm::LLVMContext &llvmContext, const dsl::Program &program,
                                const HostOptions &options) {
    Result<HostTarget *> target = host(options.target);
    if (!target)
      return target.error();
    Result<OwningOpRef<ModuleOp>> made = lowered(program, Stage::Llvm, options);
    if (!made)
      return made.error();
    Result<std::unique_ptr<llvm::Module>> module = translated(llvmContext, **made, program);
    if (!module)
      return module.error();
    if (const unsigned count = (*module)->getInstructionCount(); count > kMostInstructions)
      return Error{"`" + program.name + "` needs " + std::to_string(count) +
                   " instructions, at most " + std::to_string(kMostInstructions) +
                   " are generated; each batch reduction that depends on others computes them "
                   "again"};
    (*target)->prepare(**module);
    HostModule result{*target, std::move(*module), {}};
    result.description.target = options.target;
    result.description.dtype = options.dtype;
    result.description.signature = signatureOf(program);
    result.description.gradient.plan = planOf(**made, "disco.gradient");
    result.description.report.plan = planOf(**made, "disco.report");
    return result;
  }
};

Compiler::Compiler() : state_(std::make_unique<State>()) {}
Compiler::~Compiler() = default;
Compiler::Compiler(Compiler &&) noexcept = default;
Compiler &Compiler::operator=(Compiler &&) noexcept = default;

Result<runtime::KernelImage> Compiler::compileImage(const dsl::Program &program,
                                                    const HostOptions &options) {
  llvm::LLVMContext context;
  Result<State::HostModule> built = state_->hostModule(context, program, options);
  if (!built)
    return built.error();
  Result<std::string> object = built->target->object(*built->module);
  if (!object)
    return object.error();
  if (Result<void> linked = linkImage(*object, built->description); !linked)
    return linked.error();
  return std::move(built->description);
}

Result<std::string> Compiler::compileObject(const dsl::Program &program,
                                            const HostOptions &options) {
  llvm::LLVMContext context;
  Result<State::HostModule> built = state_->hostModule(context, program, options);
  if (!built)
    return built.error();
  if (Result<void> added = addExports(*built->module, built->description); !added)
    return added.error();
  return built->target->object(*built->module);
}

Result<runtime::HostKernel> Compiler::compileHost(const dsl::Program &program,
                                                  const HostOptions &options) {
  Result<runtime::KernelImage> image = compileImage(program, options);
  return image ? runtime::load(*image) : image.error();
}

Result<std::string> Compiler::emit(const dsl::Program &program, Stage stage,
                                   const EmitOptions &options) {
  Result<OwningOpRef<ModuleOp>> lowered =
      state_->lowered(program, stage, options.host, options.source);
  if (!lowered)
    return lowered.error();
  if (stage <= Stage::Loops) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    (*lowered)->print(stream);
    return text + "\n";
  }
  llvm::LLVMContext llvmContext;
  Result<std::unique_ptr<llvm::Module>> module =
      state_->translated(llvmContext, **lowered, program);
  if (!module)
    return module.error();
  if (stage == Stage::Ptx)
    return emitPtx(**module, options.gpuArch);
  Result<HostTarget *> host = state_->host(options.host.target);
  if (!host)
    return host.error();
  (*host)->prepare(**module);
  return stage == Stage::Llvm ? Result<std::string>(printed(**module))
                              : (*host)->assembly(**module);
}

bool compiler::compilesForGpu(const dsl::Program &program) {
  return std::none_of(program.nodes.begin(), program.nodes.end(), [](const dsl::Node &node) {
    switch (node.op) {
    case dsl::Op::Input:
      return dsl::Input(node.index) == dsl::Input::progress;
    case dsl::Op::State:
    case dsl::Op::BatchMax:
    case dsl::Op::BatchSort:
    case dsl::Op::BatchQuantile:
    case dsl::Op::TokenSum:
      return true;
    default:
      return false;
    }
  });
}

runtime::Signature compiler::signatureOf(const dsl::Program &program) {
  runtime::Signature signature;
  signature.objective = program.name;
  signature.codeHash = dsl::codeHash(program);
  for (const KernelInput &input : kernelInputs(program))
    signature.inputs.push_back(input.name);
  if (computesTokens(program))
    for (const char *offsets : {runtime::kChosenOffsets, runtime::kRejectedOffsets})
      signature.inputs.emplace_back(offsets);
  signature.gradients = gradientInputs(program);
  for (const dsl::State &state : program.states)
    signature.states.push_back(state.name);
  for (const dsl::Parameter &parameter : program.parameters) {
    signature.parameters.push_back(parameter.name);
    signature.defaults.push_back(parameter.defaultValue);
  }
  for (const dsl::Metric &metric : program.metrics)
    signature.metrics.push_back(metric.name);
  return signature;
}
