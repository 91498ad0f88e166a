// Settings of a search: what is read, and that every mistake names its line.
#include "trainer/search/EvolveConfig.h"

#include <gtest/gtest.h>

namespace disco::search {
namespace {

Result<EvolveConfig> parse(const std::string &text) {
  return evolveConfigFromYaml(text, "s.yaml", [](const std::string &) { return Result<void>(); });
}

std::string problem(const std::string &text) {
  Result<EvolveConfig> config = parse(text);
  return config ? "read" : config.error().message;
}

TEST(EvolveConfig, ShortSettingsLieOverTheFullOnes) {
  Result<EvolveConfig> config = parse("task: t\ntrain: {max_steps: 100, lr_scheduler_type: cosine, "
                                      "append_eos: true}\nshort: {max_steps: 10}\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->train, R"({"append_eos":true,"lr_scheduler_type":"cosine","max_steps":100})");
  EXPECT_EQ(config->short_train,
            R"({"append_eos":true,"lr_scheduler_type":"cosine","max_steps":10})");
}

TEST(EvolveConfig, MistakesNameTheirLine) {
  EXPECT_EQ(problem("task: t\nofspring: 3\n"), "s.yaml:2: unknown key `ofspring`");
  EXPECT_EQ(problem("task: t\nopenai:\n  modle: x\n"), "s.yaml:3: unknown key `modle`");
  EXPECT_EQ(problem("task: t\nworkers: 0\n"),
            "s.yaml:2: `workers` must be an integer in [1.0,256.0], not `0`");
  EXPECT_EQ(problem("task: t\ntarget_kl: .nan\n").substr(0, 26), "s.yaml:2: `target_kl` must");
  EXPECT_EQ(problem("task: t\nengine: python\n"), "s.yaml:2: `engine` cannot be `python`");
  EXPECT_EQ(problem("task: t\nproposers: {gpt: 1}\n"),
            "s.yaml:2: unknown proposer `gpt`; there are grammar, openai and replay");
  EXPECT_EQ(problem("task: t\nbaselines: [../../x]\n"),
            "s.yaml:2: `../../x` is not the name of an objective");
  EXPECT_EQ(problem("generations: 3\n"),
            "s.yaml: key `task` is missing; it names a folder made by `disco data`");
  EXPECT_EQ(problem("task: [\n").substr(0, 7), "s.yaml:");
  EXPECT_EQ(problem("- a\n- b\n"), "s.yaml:1: expected keys with values");
}

TEST(EvolveConfig, TheTrainerChecksItsOwnSettings) {
  auto refuse = [](const std::string &settings) -> Result<void> {
    return Error{"bad " + settings};
  };
  Result<EvolveConfig> config = evolveConfigFromYaml("task: t\ntrain: {a: 1}\n", "s.yaml", refuse);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().message, R"(s.yaml: bad {"a":1})");
}

TEST(EvolveConfig, IdentityLeavesOutWhatCannotChangeResults) {
  std::string base = searchIdentity(*parse("task: t\n"));
  EXPECT_EQ(searchIdentity(*parse("task: t\nworkers: 7\nthreads: 3\ndeadline_s: 9\n")), base);
  EXPECT_NE(searchIdentity(*parse("task: t\nseed: 7\n")), base);
  EXPECT_NE(searchIdentity(*parse("task: t\nshort: {max_steps: 1}\n")), base);
}

} // namespace
} // namespace disco::search
