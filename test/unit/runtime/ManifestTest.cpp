// Manifests: what is written is read back, and what is not a manifest is refused by the field that
// is wrong.
#include "runtime/Manifest.h"

#include <gtest/gtest.h>

using namespace disco;
using namespace disco::runtime;

namespace {
Signature lrml() {
  return {.objective = "lrml",
          .codeHash = "0123456789abcdef0123456789abcdef",
          .inputs = {"policy_chosen_logps", "policy_rejected_logps", "reference_chosen_logps"},
          .gradients = {"policy_chosen_logps", "policy_rejected_logps"},
          .parameters = {"beta", "tau"},
          .defaults = {0.05, 1e-3},
          .states = {},
          .metrics = {"modulation"}};
}

const char *const kText = R"({
  "format": 1,
  "objective": "lrml",
  "code_hash": "0123456789abcdef0123456789abcdef",
  "inputs": [
    "policy_chosen_logps",
    "policy_rejected_logps",
    "reference_chosen_logps"
  ],
  "gradients": [
    "policy_chosen_logps",
    "policy_rejected_logps"
  ],
  "parameters": [
    {
      "name": "beta",
      "default": 0.05
    },
    {
      "name": "tau",
      "default": 0.001
    }
  ],
  "metrics": [
    "modulation"
  ]
}
)";

TEST(ManifestTest, WritesTheSameBytesAlways) { EXPECT_EQ(writeManifest(lrml()), kText); }

TEST(ManifestTest, ReadsBackWhatWasWritten) {
  auto signature = readManifest("lrml.json", kText);
  ASSERT_TRUE(signature) << signature.error().message;
  EXPECT_EQ(*signature, lrml());
}

TEST(ManifestTest, ReadsBackMetricsOfAUsedObjective) {
  Signature used = lrml();
  used.metrics = {"lrml.modulation"};
  auto signature = readManifest("used.json", writeManifest(used));
  ASSERT_TRUE(signature) << signature.error().message;
  EXPECT_EQ(*signature, used);
}

TEST(ManifestTest, ReadsBackAnObjectiveWithoutParametersAndMetrics) {
  Signature plain = lrml();
  plain.parameters.clear();
  plain.defaults.clear();
  plain.metrics.clear();
  auto signature = readManifest("plain.json", writeManifest(plain));
  ASSERT_TRUE(signature) << signature.error().message;
  EXPECT_EQ(*signature, plain);
}

struct BadCase {
  const char *name, *from, *to, *message;
};
class BadManifestTest : public ::testing::TestWithParam<BadCase> {};

TEST_P(BadManifestTest, NamesWhatIsWrong) {
  std::string text = kText;
  const size_t at = text.find(GetParam().from);
  ASSERT_NE(at, std::string::npos);
  text.replace(at, std::string(GetParam().from).size(), GetParam().to);
  auto signature = readManifest("bad.json", text);
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().message, std::string("bad.json: manifest ") + GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Manifest, BadManifestTest,
    ::testing::Values(
        BadCase{"NoJson", "{", "", "is no JSON object"},
        BadCase{"OtherFormat", "\"format\": 1", "\"format\": 2",
                "has format 2, this build reads format 1"},
        BadCase{"FormatIsText", "\"format\": 1", "\"format\": \"1\"",
                "has format \"1\", this build reads format 1"},
        BadCase{"MissingField", "\"metrics\"", "\"metric\"", "has no field `metrics`"},
        BadCase{"UnknownField", "\"format\": 1", "\"format\": 1, \"more\": 2",
                "has 8 fields where format 1 has 7"},
        BadCase{"PathAsName", "\"lrml\"", "\"../lrml\"",
                "field `objective` is no name of letters, digits, `_` and dots between"},
        BadCase{"NameIsNumber", "\"modulation\"", "3", "field `metrics` is no string"},
        BadCase{"EmptyName", "\"modulation\"", "\"\"",
                "field `metrics` is no name of letters, digits, `_` and dots between"},
        BadCase{"EmptyPart", "\"modulation\"", "\"lrml..modulation\"",
                "field `metrics` is no name of letters, digits, `_` and dots between"},
        BadCase{"ShortHash", "0123456789abcdef0123456789abcdef", "0123",
                "field `code_hash` is not 32 hexadecimal digits"},
        BadCase{"ListIsNumber", "[\n    \"modulation\"\n  ]", "1",
                "field `metrics` is no list of at most 256 entries"},
        BadCase{"InputTwice", "\"reference_chosen_logps\"", "\"policy_chosen_logps\"",
                "field `inputs` names `policy_chosen_logps` twice"},
        BadCase{"OtherGradients", "\"policy_rejected_logps\"\n  ],\n  \"parameters\"",
                "\"chosen_length\"\n  ],\n  \"parameters\"",
                "field `gradients` is not [\"policy_chosen_logps\", \"policy_rejected_logps\"]"},
        BadCase{"DefaultIsText", "0.001", "\"0.001\"",
                "field `parameters` has an entry that is not {\"name\", \"default\": number}"},
        BadCase{"ParameterTwice", "\"tau\"", "\"beta\"", "field `parameters` names `beta` twice"}),
    [](const auto &info) { return info.param.name; });

TEST(ManifestTest, RefusesALargeText) {
  auto signature = readManifest("big.json", std::string(kManifestBytes + 1, ' '));
  ASSERT_FALSE(signature);
  EXPECT_EQ(signature.error().message,
            "big.json: manifest has 65537 bytes, at most 65536 are read");
}

TEST(ManifestTest, RefusesDeepNesting) {
  EXPECT_FALSE(readManifest("deep.json", std::string(kManifestBytes, '[')));
}

TEST(ManifestTest, RefusesADefaultThatIsNotFinite) {
  std::string text = kText;
  text.replace(text.find("0.001"), 5, "1e999");
  EXPECT_FALSE(readManifest("inf.json", text));
}
} // namespace
