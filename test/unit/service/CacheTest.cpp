// The cache gives back what was stored, or nothing.
#include "runtime/Artefact.h"
#include "test/unit/service/Programs.h"

#include <fstream>
#include <iterator>

#include <sys/stat.h>

namespace disco::compiler {
namespace {

using runtime::Dtype;
using runtime::KernelImage;
using runtime::Target;

/// Nothing that could run: the cache does not look at code.
KernelImage imageOf(const dsl::Program &program, const std::string &code) {
  KernelImage image;
  image.signature = signatureOf(program);
  image.gradient = image.report = {.plan = "means", .functions = {0}};
  image.code = code;
  return image;
}

std::optional<KernelImage> find(const Cache &cache, const dsl::Program &program) {
  return cache.find(signatureOf(program), Target::Portable, Dtype::Float32);
}

/// The entries in the folder of cacheIn().
std::vector<std::filesystem::path> entries(const Folder &folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto &entry : std::filesystem::directory_iterator(folder.path("cache")))
    paths.push_back(entry.path());
  return paths;
}

std::string contentOf(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Cache, FindsWhatWasStoredUnderTheNamesOfTheProgram) {
  const Folder folder;
  Cache cache = cacheIn(folder);
  const dsl::Program program =
      programOf("objective a { param c = 1; loss = softplus(-c * margin); }");
  const dsl::Program renamed =
      programOf("objective b { param d = 2; loss = softplus(-d * margin); }");
  EXPECT_FALSE(find(cache, program));
  cache.store(imageOf(program, "code"));
  EXPECT_EQ(find(cache, program), imageOf(program, "code"));
  EXPECT_EQ(find(cache, renamed), imageOf(renamed, "code"));
  EXPECT_FALSE(cache.find(signatureOf(program), Target::Avx2, Dtype::Float32));
  EXPECT_FALSE(cache.find(signatureOf(program), Target::Portable, Dtype::Float64));
  EXPECT_FALSE(find(cache, lossOf("relu(1 - margin)")));
}

// Their arrays come in another order.
TEST(Cache, ColumnsInAnotherOrderAreAnotherEntry) {
  const Folder folder;
  Cache cache = cacheIn(folder);
  const std::string loss = "loss = a * softplus(-margin) + b * b; }";
  const dsl::Program ab = programOf("objective x { column a; column b; " + loss);
  const dsl::Program ba = programOf("objective x { column b; column a; " + loss);
  cache.store(imageOf(ab, "code"));
  EXPECT_TRUE(find(cache, ab));
  EXPECT_FALSE(find(cache, ba));
}

TEST(Cache, AnEntryWithAnyByteChangedIsAbsentAndRemoved) {
  const Folder folder;
  Cache cache = cacheIn(folder);
  const dsl::Program program = lossOf("relu(1 - margin)");
  cache.store(imageOf(program, "code"));
  const std::filesystem::path path = entries(folder).at(0);
  const std::string whole = contentOf(path);
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = char(~changed[i]);
    std::ofstream(path, std::ios::binary) << changed;
    ASSERT_FALSE(find(cache, program)) << "byte " << i;
    ASSERT_FALSE(std::filesystem::exists(path)) << "byte " << i;
    std::ofstream(path, std::ios::binary) << whole.substr(0, i);
    ASSERT_FALSE(find(cache, program)) << i << " bytes";
  }
  std::ofstream(path, std::ios::binary) << whole;
  EXPECT_TRUE(find(cache, program));
}

TEST(Cache, AnEntryUnderAnotherNameIsAbsent) {
  const Folder folder;
  Cache cache = cacheIn(folder);
  const dsl::Program first = lossOf("relu(1 - margin)"), second = lossOf("relu(2 - margin)");
  cache.store(imageOf(first, "first"));
  const std::filesystem::path path = entries(folder).at(0);
  const std::string whole = contentOf(path);
  cache.store(imageOf(second, "second"));
  for (const std::filesystem::path &entry : entries(folder))
    std::ofstream(entry, std::ios::binary) << whole;
  EXPECT_EQ(find(cache, first)->code, "first");
  EXPECT_FALSE(find(cache, second));
}

// Each is whole and has a right checksum.
TEST(Cache, AnEntryOfAnotherBuildTargetTypeOrAbiIsAbsentAndRemoved) {
  const Folder folder;
  Cache cache = cacheIn(folder);
  const dsl::Program program = lossOf("relu(1 - margin)");
  const KernelImage image = imageOf(program, "code");
  cache.store(image);
  const std::filesystem::path path = entries(folder).at(0);
  const std::string build(buildId());
  KernelImage otherTarget = image, otherType = image, otherAbi = image;
  otherTarget.target = Target::Avx512;
  otherType.dtype = Dtype::Float64;
  otherAbi.abi += 1;
  for (const runtime::Artefact &foreign :
       {runtime::Artefact{.build = build + "x", .images = {image}},
        runtime::Artefact{.build = build, .images = {image, otherTarget}},
        runtime::Artefact{.build = build, .images = {otherTarget}},
        runtime::Artefact{.build = build, .images = {otherType}},
        runtime::Artefact{.build = build, .images = {otherAbi}}}) {
    std::ofstream(path, std::ios::binary) << runtime::writeArtefact(foreign);
    EXPECT_FALSE(find(cache, program));
    EXPECT_FALSE(std::filesystem::exists(path));
  }
  std::ofstream(path, std::ios::binary)
      << runtime::writeArtefact({.build = build, .images = {image}});
  EXPECT_TRUE(find(cache, program));
}

TEST(Cache, WhatIsNoFileOfItsOwnIsAbsent) {
  const Folder folder;
  Cache cache = cacheIn(folder);
  const dsl::Program program = lossOf("relu(1 - margin)");
  cache.store(imageOf(program, "code"));
  const std::filesystem::path path = entries(folder).at(0);
  const std::filesystem::path elsewhere = folder.path("elsewhere");
  std::filesystem::rename(path, elsewhere);
  std::filesystem::create_symlink(elsewhere, path); // what it leads to may be another's
  EXPECT_FALSE(find(cache, program));
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_FALSE(find(cache, program));
  cache.store(imageOf(program, "code")); // cannot, and says nothing
  EXPECT_FALSE(find(cache, program));
  std::filesystem::remove(path);
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0); // reading it would wait for ever
  EXPECT_FALSE(find(cache, program));
}

TEST(Cache, TheLeastRecentlyUsedEntriesGoFirst) {
  const Folder folder;
  constexpr size_t kCode = 2000, kMost = 40000;
  Cache cache = cacheIn(folder, kMost);
  const dsl::Program used = lossOf("relu(-1 - margin)");
  cache.store(imageOf(used, std::string(kCode, 'x')));
  for (int i = 0; i < 200; ++i) {
    cache.store(
        imageOf(lossOf("relu(" + std::to_string(i) + " - margin)"), std::string(kCode, 'x')));
    ASSERT_TRUE(find(cache, used)) << i;
  }
  size_t bytes = 0;
  for (const std::filesystem::path &entry : entries(folder))
    bytes += std::filesystem::file_size(entry);
  // It is looked at after every 64 entries.
  EXPECT_LE(bytes, kMost + 64 * (kCode + 1000));
  EXPECT_LT(entries(folder).size(), 120u);
}

// Somebody may name a folder that holds other things.
TEST(Cache, OtherFilesInItsFolderStay) {
  const Folder folder;
  Cache cache = cacheIn(folder, 20000);
  const std::vector<std::string> others = {"thesis.tex", "lrml.dpoc", "0123456789abcdef.dpoc",
                                           std::string(32, 'a') + ".txt"};
  for (const std::string &other : others)
    std::ofstream(folder.path("cache/" + other)) << std::string(100000, 'x');
  for (int i = 0; i < 130; ++i) // its size is looked at after every 64 entries
    cache.store(imageOf(lossOf("relu(" + std::to_string(i) + " - margin)"), "code"));
  for (const std::string &other : others)
    EXPECT_TRUE(std::filesystem::exists(folder.path("cache/" + other))) << other;
  EXPECT_TRUE(find(cache, lossOf("relu(129 - margin)")));
}

TEST(Cache, AFolderThatOthersMayWriteToIsRefused) {
  const Folder folder;
  std::filesystem::create_directory(folder.path("cache"));
  ASSERT_EQ(chmod(folder.path("cache").c_str(), 0777), 0);
  Result<Cache> cache = Cache::open(folder.path("cache"));
  ASSERT_FALSE(cache);
  EXPECT_NE(cache.error().message.find("others may write to it"), std::string::npos)
      << cache.error().message;
}

TEST(Cache, WhatIsNoFolderIsRefused) {
  const Folder folder;
  std::ofstream(folder.path("file")) << "x";
  EXPECT_NE(Cache::open(folder.path("file")).error().message.find("--no-cache"), std::string::npos);
}

} // namespace
} // namespace disco::compiler
