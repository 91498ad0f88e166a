// Files that must be accepted and files that must be refused, byte by byte.
#include "trainer/Safetensors.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <fstream>

namespace disco::trainer {
namespace {

std::string decodeBase64(const std::string &text) {
  static const std::string alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    size_t digit = alphabet.find(c);
    if (digit == std::string::npos)
      continue;
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if ((count += 6) >= 8)
      bytes.push_back(static_cast<char>(bits >> (count -= 8)));
  }
  return bytes;
}

std::string fileOf(const std::string &header, const std::string &data = {}) {
  std::string bytes;
  for (int i = 0; i < 8; ++i)
    bytes.push_back(static_cast<char>(header.size() >> (8 * i)));
  return bytes + header + data;
}

/// The reference implementation's own accept and reject cases.
TEST(Safetensors, AgreesWithTheReferenceImplementation) {
  const char *folder = std::getenv("DISCO_SHARED_DATA");
  std::string path = (folder ? std::string(folder) : DISCO_SOURCE_DIR "/../shared/data") +
                     "/vectors/safetensors_cases.json";
  std::ifstream stream(path);
  if (!stream)
    GTEST_SKIP() << "no " << path;
  auto cases = nlohmann::json::parse(stream);
  ASSERT_GT(cases.size(), 15u);
  for (const auto &item : cases) {
    if (!item.contains("base64"))
      continue;
    std::string bytes = decodeBase64(item["base64"]), expected = item["expect"];
    auto file = parseSafetensors(bytes, "case");
    std::string seen = file ? "ok" : file.error().message.substr(6);
    EXPECT_EQ(seen.substr(0, expected.size()), expected) << item["name"];
  }
}

struct Bad {
  const char *name, *header, *fault;
};
void PrintTo(const Bad &bad, std::ostream *out) { *out << bad.name; }
class SafetensorsHeader : public testing::TestWithParam<Bad> {};

TEST_P(SafetensorsHeader, IsRefused) {
  auto file = parseSafetensors(fileOf(GetParam().header, std::string(16, '\0')), "place");
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().message.rfind(std::string("place: ") + GetParam().fault, 0), 0u)
      << file.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, SafetensorsHeader,
    testing::Values(
        Bad{"Overflow",
            R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,16]}})",
            "ValidationOverflow"},
        Bad{"Negative", R"({"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})",
            "InvalidHeaderDeserialization"},
        Bad{"Hole", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})", "InvalidOffset"},
        Bad{"Overlap",
            R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[3],"data_offsets":[4,16]}})",
            "InvalidOffset"},
        Bad{"Duplicate",
            R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
            "InvalidHeaderDeserialization"},
        Bad{"Uncovered", R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
            "MetadataIncompleteBuffer"},
        Bad{"WrongSize", R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}})",
            "TensorInvalidInfo"},
        Bad{"Array", "[]", "InvalidHeaderDeserialization"},
        Bad{"Text", "hello", "InvalidHeaderDeserialization"}),
    [](const auto &info) { return info.param.name; });

TEST(Safetensors, DeepNestingIsRefusedWithoutRecursion) {
  auto file = parseSafetensors(fileOf(std::string(200000, '[')), "place");
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().message.find("nested too deeply"), std::string::npos);
}

TEST(Safetensors, WhatIsWrittenIsReadBack) {
  std::string floats(12, '\x01'), bytes(3, '\x02');
  std::string file = writeSafetensors(
      {{"z", "U8", {3}, bytes}, {"b", "F32", {3}, floats}, {"a", "F32", {1, 3}, floats}},
      {{"k", "v"}});
  auto read = parseSafetensors(file, "file");
  ASSERT_TRUE(read) << read.error().message;
  ASSERT_EQ(read->tensors.size(), 3u);
  EXPECT_EQ(read->tensors[0].name, "a"); // wide dtypes first, then by name
  EXPECT_EQ(read->tensors[2].name, "z");
  EXPECT_EQ(read->find("b")->bytes, floats);
  EXPECT_EQ(read->metadata.at("k"), "v");
}

} // namespace
} // namespace disco::trainer
