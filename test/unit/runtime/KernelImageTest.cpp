// Kernels as data: what is refused, and that the code lives as long as a kernel.
#include "runtime/KernelImage.h"
#include "test/unit/runtime/HandWritten.h"

#include <gtest/gtest.h>

#include <fstream>

namespace disco::runtime {
namespace {

/// The permissions of the page at an address; empty where nothing is mapped.
std::string permissionsAt(uintptr_t address) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0, end = 0;
    char permissions[5] = "";
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, permissions) == 3 &&
        begin <= address && address < end)
      return permissions;
  }
  return "";
}

std::string refusal(const KernelImage &image, std::optional<Target> cpu = Target::Portable) {
  Result<HostKernel> kernel = load(image, cpu);
  return kernel ? "loaded" : kernel.error().message;
}

TEST(KernelImage, RunsFromExecutablePagesThatLiveAsLongAsACopy) {
  std::optional<HostKernel> copy;
  {
    Result<HostKernel> kernel = load(handWritten());
    ASSERT_TRUE(kernel) << kernel.error().message;
    copy = *kernel;
  }
  float loss = 0;
  copy->gradient(nullptr, nullptr, 1, &loss, nullptr);
  EXPECT_EQ(loss, 1.0f);
  const auto address = reinterpret_cast<uintptr_t>(copy->gradientCode.functions.at(0));
  EXPECT_EQ(permissionsAt(address), "r-xp");
  copy.reset();
  EXPECT_EQ(permissionsAt(address), "");
}

TEST(KernelImage, OtherVersionsOfTheAbiAreRefused) {
  KernelImage image = handWritten();
  image.abi = kKernelAbi + 1;
  EXPECT_NE(refusal(image).find("of the ABI"), std::string::npos) << refusal(image);
}

TEST(KernelImage, InstructionsThatTheCpuLacksAreRefused) {
  KernelImage image = handWritten();
  image.target = Target::Avx512;
  EXPECT_EQ(refusal(image, Target::Avx512), "loaded");
  EXPECT_EQ(refusal(image, Target::Avx2),
            "the kernel is for avx512, this CPU is only avx2; compile the objective for it");
  EXPECT_EQ(refusal(image, std::nullopt),
            "the kernel is for avx512, this CPU is no x86-64; compile the objective for it");
}

TEST(KernelImage, PlansAndFunctionsMustAgree) {
  KernelImage malformed = handWritten();
  malformed.report.plan = "jump";
  EXPECT_NE(refusal(malformed).find("malformed"), std::string::npos);
  KernelImage fewer = handWritten();
  fewer.gradient.functions.clear();
  EXPECT_EQ(refusal(fewer), "the plan of a kernel runs 1 functions, its code has 0");
}

TEST(KernelImage, FunctionsOutsideTheCodeAreRefused) {
  KernelImage outside = handWritten();
  outside.gradient.functions[0] = outside.code.size();
  EXPECT_NE(refusal(outside).find("begins at byte"), std::string::npos) << refusal(outside);
  KernelImage empty = handWritten();
  empty.code.clear();
  EXPECT_NE(refusal(empty).find("0 bytes of code"), std::string::npos) << refusal(empty);
}

} // namespace
} // namespace disco::runtime
