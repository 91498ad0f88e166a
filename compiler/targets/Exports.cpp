// addExports of Host.h: what runtime/StaticKernel.h needs, written as LLVM IR text, which says it
// shorter than calls that build it.
#include "compiler/targets/Host.h"

#include "runtime/StaticKernel.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/SourceMgr.h"

#include <cassert>

using namespace disco;
using namespace disco::compiler;

namespace {

std::string planConstant(const std::string &name, const std::string &plan) {
  return "@" + name + ".plan = private constant [" + std::to_string(plan.size() + 1) +
         " x i8] c\"" + plan + "\\00\"\n";
}

/// The table of the functions of an entry point, which nobody outside sees.
std::string functionTable(llvm::Module &module, const std::string &entry,
                          const runtime::KernelImage::Entry &description) {
  std::string functions;
  const size_t count = runtime::Plan::parse(description.plan)->functions();
  for (size_t i = 0; i < count; ++i) {
    const std::string name = entry + "_" + std::to_string(i);
    module.getFunction(name)->setLinkage(llvm::GlobalValue::InternalLinkage);
    functions += (i ? ", ptr @" : "ptr @") + name;
  }
  return "@" + entry + ".functions = private constant [" + std::to_string(count) + " x ptr] [" +
         functions + "]\n";
}

/// An exported function that hands its arguments on, with the kernel before them.
std::string forwarder(const std::string &name, const std::string &entry,
                      std::initializer_list<const char *> types) {
  std::string declared, formal, actual;
  for (const char *type : types) {
    const std::string argument = std::string(type) + " %a" + std::to_string(actual.size());
    declared += ", " + std::string(type);
    formal += (formal.empty() ? "" : ", ") + argument;
    actual += ", " + argument;
  }
  const std::string callee = "@disco_static_" + entry;
  return "declare i32 " + callee + "(ptr" + declared + ")\n" +                    //
         "define i32 @" + name + "_" + entry + "(" + formal + ") {\n" +           //
         "  %done = call i32 " + callee + "(ptr @disco.kernel" + actual + ")\n" + //
         "  ret i32 %done\n}\n";
}

} // namespace

Result<void> compiler::addExports(llvm::Module &module, const runtime::KernelImage &description) {
  const std::string name =
      runtime::exportedName(description.signature.objective, description.dtype);
  const std::string text =
      planConstant("gradient", description.gradient.plan) +
      planConstant("report", description.report.plan) +
      functionTable(module, "gradient", description.gradient) +
      functionTable(module, "report", description.report) +
      "@disco.kernel = internal global {i32, i32, i32, i32, ptr, ptr, ptr, ptr, ptr} {i32 " +
      std::to_string(description.abi) + ", i32 " + std::to_string(unsigned(description.target)) +
      ", i32 " + std::to_string(description.signature.gradients.size()) + ", i32 " +
      std::to_string(unsigned(description.dtype)) +
      ", ptr @gradient.plan, ptr @report.plan, ptr @gradient.functions, "
      "ptr @report.functions, ptr null}\n" +
      forwarder(name, "gradient", {"ptr", "ptr", "i64", "ptr", "ptr", "ptr"}) +
      forwarder(name, "report", {"ptr", "ptr", "i64", "ptr", "ptr", "ptr"});
  llvm::SMDiagnostic problem;
  if (llvm::parseAssemblyInto(llvm::MemoryBufferRef(text, "exports"), &module, nullptr, problem))
    return Error{"host code generation failed: " + problem.getMessage().str()};
  return {};
}
