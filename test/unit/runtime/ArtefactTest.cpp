// Compiled objectives as files: whole ones come back as they were, all others are refused.
#include "runtime/Artefact.h"
#include "test/unit/runtime/HandWritten.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace disco::runtime {
namespace {

/// Images for every target, with one of everything that a signature can have.
Artefact example() {
  Artefact artefact{.build = "test", .images = {}};
  for (Target target : kTargets) {
    KernelImage image = handWritten();
    image.target = target;
    image.code += char(target); // tells them apart
    image.signature.inputs = {"policy_chosen_logps", "weight"};
    image.signature.gradients = {"policy_chosen_logps"};
    image.signature.parameters = {"beta"};
    image.signature.defaults = {0.05};
    image.signature.states = {"mean", "used.once.mean"};
    image.signature.metrics = {"accuracy"};
    artefact.images.push_back(std::move(image));
  }
  return artefact;
}

std::string refusal(std::string_view bytes) {
  Result<Artefact> read = readArtefact("x.dpoc", bytes);
  return read ? "read" : read.error().message;
}

/// A file of this content in a folder that goes with it.
class File {
public:
  explicit File(const std::string &content) { std::ofstream(path_, std::ios::binary) << content; }
  ~File() { std::remove(path_.c_str()); }
  const std::string &path() const { return path_; }

private:
  std::string path_ = testing::TempDir() + "artefact-" +
                      testing::UnitTest::GetInstance()->current_test_info()->name() + ".dpoc";
};

TEST(Artefact, ComesBackAsItWasWritten) {
  const Artefact written = example();
  Result<Artefact> read = readArtefact("x.dpoc", writeArtefact(written));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->build, written.build);
  EXPECT_EQ(read->images, written.images);
}

TEST(Artefact, EveryChangedByteIsSeen) {
  const std::string whole = writeArtefact(example());
  for (size_t i = 0; i < whole.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = whole;
      changed[i] = char(changed[i] ^ 1 << bit);
      ASSERT_NE(refusal(changed), "read") << "byte " << i << ", bit " << bit;
    }
}

TEST(Artefact, EveryTruncationAndAdditionIsSeen) {
  const std::string whole = writeArtefact(example());
  for (size_t size = 0; size < whole.size(); ++size)
    ASSERT_NE(refusal(whole.substr(0, size)), "read") << size << " bytes";
  EXPECT_EQ(refusal(whole + '\0').substr(0, 12), "x.dpoc: has ");
}

// Behind a right checksum stands whatever somebody wrote there.
TEST(Artefact, HostileBodiesAreReadWithinBounds) {
  const std::string whole = writeArtefact(example());
  constexpr size_t kHeader = 36;
  size_t refused = 0;
  for (size_t i = kHeader; i < whole.size(); ++i)
    for (int value : {0, 1, 0x7f, 0x80, 0xff}) {
      std::string body = whole.substr(kHeader);
      body[i - kHeader] = char(value);
      refused += refusal(withHeader(body)) != "read";
    }
  for (size_t size = 0; size + kHeader < whole.size(); ++size)
    ASSERT_NE(refusal(withHeader(whole.substr(kHeader, size))), "read") << size << " bytes";
  EXPECT_GT(refused, 500u);
  EXPECT_EQ(refusal(withHeader(whole.substr(kHeader))), "read");
}

TEST(Artefact, NothingInItIsAPath) {
  for (const char *name : {"../../etc/passwd", "/dev/null", "..", ".", "a..b", ".a", "a.", ""}) {
    Artefact artefact = example();
    for (KernelImage &image : artefact.images)
      image.signature.objective = name;
    EXPECT_EQ(refusal(writeArtefact(artefact)),
              "x.dpoc: has a name that is not of letters, digits, `_` and dots between")
        << name;
  }
}

TEST(Artefact, OtherFormatsAreNamed) {
  std::string other = writeArtefact(example());
  other[8] = 7;
  EXPECT_EQ(refusal(other),
            "x.dpoc: has format 7, this build reads format 1; compile the objective again");
  EXPECT_EQ(refusal("objective x { loss = 1 }"), "x.dpoc: is no compiled objective (.dpoc)");
}

TEST(Artefact, CodeOfAnotherVersionOfTheAbiIsNotLoaded) {
  Artefact artefact = example();
  for (KernelImage &image : artefact.images)
    image.abi = kKernelAbi + 1;
  const File file(writeArtefact(artefact));
  const Result<HostKernel> kernel = loadArtefact(file.path());
  ASSERT_FALSE(kernel);
  EXPECT_EQ(kernel.error().message,
            file.path() + ": the kernel has version " + std::to_string(kKernelAbi + 1) +
                " of the ABI, this build calls version " + std::to_string(kKernelAbi) +
                "; compile the objective again");
}

TEST(Artefact, TheBestCodeOfThisCpuIsLoaded) {
  const File file(writeArtefact(example()));
  for (Target cpu : kTargets) {
    Result<HostKernel> kernel = loadArtefact(file.path(), Dtype::Float32, cpu);
    ASSERT_TRUE(kernel) << kernel.error().message;
    // example() appends the target to the code.
    const auto *code = reinterpret_cast<const char *>(kernel->gradientCode.functions.at(0));
    EXPECT_EQ(code[handWritten().code.size()], char(cpu));
  }
}

TEST(Artefact, WhatItLacksIsSaid) {
  Artefact artefact = example();
  artefact.images.erase(artefact.images.begin());
  const File file(writeArtefact(artefact));
  EXPECT_EQ(loadArtefact(file.path(), Dtype::Float32, Target::Portable).error().message,
            file.path() + ": has no float32 code for this CPU (portable), only for avx2 float32, "
                          "avx512 float32; compile the objective for it");
  EXPECT_EQ(loadArtefact(file.path(), Dtype::Float64, Target::Avx2).error().message,
            file.path() + ": has no float64 code for this CPU (avx2), only for avx2 float32, "
                          "avx512 float32; compile the objective for it");
  EXPECT_EQ(loadArtefact("/dev/zero").error().message, "/dev/zero: is no regular file");
  EXPECT_NE(loadArtefact(file.path() + "x").error().message.find("cannot open"), std::string::npos);
}

} // namespace
} // namespace disco::runtime
