// How kernels live in the process: no foreign symbols, no writable code, no memory kept.
#include "test/unit/compiler/RunKernel.h"
#include "test/unit/interpreter/ProgramBuilder.h"

#include "compiler/targets/Host.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/IRReader/IRReader.h"
#include "llvm/Support/SourceMgr.h"

#include <cmath>
#include <fstream>
#include <unistd.h>

namespace disco::compiler {
namespace {

using dsl::Input;
using dsl::Op;

/// softplus(-(chosen - rejected)), with its constant in `offset` so that programs differ.
dsl::Program pairLoss(double offset) {
  dsl::ProgramBuilder builder;
  dsl::NodeId shifted = builder.apply(Op::Add, {builder.policyMargin(), builder.constant(offset)});
  return builder.finish(builder.apply(Op::Softplus, {builder.apply(Op::Neg, {shifted})}));
}

Columns onePair() {
  Columns columns;
  columns.pairs = 1;
  columns[Input::policy_chosen_logps] = {-1};
  columns[Input::policy_rejected_logps] = {-2};
  return columns;
}

size_t residentKiB() {
  std::ifstream file("/proc/self/statm");
  size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * size_t(sysconf(_SC_PAGESIZE)) / 1024;
}

TEST(HostTarget, UnresolvedSymbolDoesNotLink) {
  Result<HostTarget> target = HostTarget::create(runtime::Target::Portable);
  ASSERT_TRUE(target) << target.error().message;
  llvm::LLVMContext context;
  llvm::SMDiagnostic parseError;
  // `system` exists in this process; a kernel must not reach it.
  std::unique_ptr<llvm::Module> module = llvm::parseIR(llvm::MemoryBufferRef(R"(
    declare i32 @system(ptr)
    define void @gradient_0(ptr %command) { call i32 @system(ptr %command) ret void })",
                                                                             "ir"),
                                                       parseError, context);
  ASSERT_TRUE(module);
  target->prepare(*module);
  Result<std::string> object = target->object(*module);
  ASSERT_TRUE(object) << object.error().message;
  runtime::KernelImage image;
  image.gradient.plan = "walk";
  Result<void> linked = linkImage(*object, image);
  ASSERT_FALSE(linked);
  EXPECT_NE(linked.error().message.find("`system`"), std::string::npos) << linked.error().message;
}

TEST(HostTarget, NoPageIsWritableAndExecutable) {
  const runtime::HostKernel kernel = kernelOf(pairLoss(0.25));
  bool found = false;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0, end = 0;
    char permissions[5] = "";
    ASSERT_EQ(std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, permissions), 3) << line;
    EXPECT_FALSE(permissions[1] == 'w' && permissions[2] == 'x') << line;
    const auto address = reinterpret_cast<unsigned long>(kernel.gradientCode.functions.at(0));
    if (begin <= address && address < end) {
      found = true;
      EXPECT_EQ(std::string(permissions), "r-xp") << line;
    }
  }
  EXPECT_TRUE(found);
}

TEST(HostTarget, KernelOutlivesItsCompiler) {
  std::optional<runtime::HostKernel> kernel;
  {
    Compiler compiler;
    Result<runtime::HostKernel> compiled = compiler.compileHost(pairLoss(0));
    ASSERT_TRUE(compiled) << compiled.error().message;
    kernel = *compiled;
  }
  EXPECT_NEAR(run(*kernel, onePair(), {}).loss, std::log1p(std::exp(-1.0)), 1e-6);
}

TEST(HostTarget, KernelsDoNotMixUp) {
  const runtime::HostKernel first = kernelOf(pairLoss(0)), second = kernelOf(pairLoss(1));
  EXPECT_NEAR(run(first, onePair(), {}).loss, std::log1p(std::exp(-1.0)), 1e-6);
  EXPECT_NEAR(run(second, onePair(), {}).loss, std::log1p(std::exp(-2.0)), 1e-6);
}

TEST(HostTarget, MemoryIsFlatOverCompiles) {
  for (int i = 0; i < 50; ++i)
    kernelOf(pairLoss(i));
  const size_t before = residentKiB();
  for (int i = 0; i < 300; ++i)
    kernelOf(pairLoss(1000 + i));
  // A kernel's code and constants take 8 KiB or more: kept ones would add at least 2,400 KiB.
  EXPECT_LE(residentKiB(), before + 1200);
}

} // namespace
} // namespace disco::compiler
