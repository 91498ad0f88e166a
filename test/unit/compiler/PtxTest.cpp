// PTX text of every shipped objective that kernels for GPUs can do: the arguments that
// runtime/PtxKernel passes, nothing outside, one barrier per batch reduction that another value
// waits for. Whether ptxas takes it is test/pipeline/ptx.dpo.
#include "test/unit/compiler/RunKernel.h"

#include <filesystem>

namespace disco::compiler {
namespace {

size_t occurrences(const std::string &text, const std::string &what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1))
    ++count;
  return count;
}

TEST(Ptx, EveryShippedObjectiveIsClosed) {
  size_t compiled = 0;
  for (const auto &entry : std::filesystem::directory_iterator(DISCO_OBJECTIVES)) {
    if (entry.path().extension() != ".dpo")
      continue;
    SCOPED_TRACE(entry.path().string());
    Result<Source> source = dsl::readSource(entry.path().string());
    ASSERT_TRUE(source) << source.error().message;
    const dsl::Program program = programOf(source->text());
    Result<std::string> ptx = sharedCompiler().emit(program, Stage::Ptx, {.gpuArch = "sm_90"});
    ASSERT_EQ(bool(ptx), compilesForGpu(program)) << (ptx ? "" : ptx.error().message);
    if (!ptx)
      continue;
    ++compiled;
    EXPECT_EQ(ptx->find(".extern"), std::string::npos);
    EXPECT_EQ(occurrences(*ptx, ".visible .entry gradient("), 1u);
    EXPECT_EQ(occurrences(*ptx, ".visible .entry report("), 1u);
    const runtime::Signature signature = signatureOf(program);
    const size_t shared = signature.inputs.size() + signature.parameters.size() + 1;
    EXPECT_EQ(occurrences(*ptx, ".param ."), 2 * shared + 1 + signature.gradients.size() + 4);
  }
  EXPECT_GE(compiled, 40u);
}

TEST(Ptx, UnknownArchitectureIsAnErrorNotTheEndOfTheProcess) {
  const dsl::Program program = programOf("objective dpo { loss = softplus(-margin); }");
  Result<std::string> ptx = sharedCompiler().emit(program, Stage::Ptx, {.gpuArch = "sm_12"});
  ASSERT_FALSE(ptx);
  EXPECT_NE(ptx.error().message.find("`sm_12`"), std::string::npos) << ptx.error().message;
}

} // namespace
} // namespace disco::compiler
