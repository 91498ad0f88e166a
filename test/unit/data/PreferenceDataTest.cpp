// Rows that must be refused, and the counts that warn of data no objective can learn from.
#include "trainer/data/PreferenceData.h"
#include "Files.h"

using namespace disco;
using namespace disco::data;
using disco::test::TemporaryFolder;

namespace {

std::string problem(const std::string &content, const std::vector<WantedColumn> &columns = {}) {
  TemporaryFolder folder;
  auto pairs = readPreferencePairs(folder.write("p.jsonl", content), columns);
  return pairs ? "none" : pairs.error().message.substr(folder.path().size() + 1);
}

const std::string kGood = R"({"prompt":"p","chosen":"c","rejected":"r","extra":[1]})"
                          "\n";

} // namespace

TEST(PreferenceData, ReadsRowsInOrder) {
  TemporaryFolder folder;
  auto pairs = readPreferencePairs(
      folder.write("p.jsonl", kGood + R"({"rejected":"r2","chosen":"c2","prompt":""})"));
  ASSERT_TRUE(pairs);
  EXPECT_EQ(*pairs, (std::vector<PreferencePair>{{"p", "c", "r"}, {"", "c2", "r2"}}));
}

TEST(PreferenceData, MalformedRowsAreNamed) {
  EXPECT_EQ(problem(kGood + R"({"prompt":"p","chosen":"c"})"),
            "p.jsonl:2: field `rejected` is missing");
  EXPECT_EQ(problem(kGood + R"({"prompt":"p","chosen":"","rejected":"r"})"),
            "p.jsonl:2: empty completion in field `chosen`");
  EXPECT_EQ(problem(kGood + R"({"prompt":"p","chosen":"c","rejected":""})"),
            "p.jsonl:2: empty completion in field `rejected`");
  EXPECT_EQ(problem(R"({"prompt":[{"role":"user"}],"chosen":"c","rejected":"r"})"),
            "p.jsonl:1: field `prompt` must be a string, it is array");
  EXPECT_EQ(problem("\n"), "p.jsonl: no rows; one JSON object with `prompt`, `chosen` and "
                           "`rejected` per line was expected");
}

TEST(PreferenceData, ColumnsAreReadInTheOrderWantedAndADefaultFillsOnlyMissingOnes) {
  TemporaryFolder folder;
  auto pairs = readPreferencePairs(
      folder.write("p.jsonl",
                   R"({"prompt":"p","chosen":"c","rejected":"r","weight":-2,"margin":0.25})"
                   "\n"
                   R"({"prompt":"p","chosen":"c","rejected":"r","margin":1})"),
      std::vector<WantedColumn>{{"margin", {}}, {"weight", 0.5}});
  ASSERT_TRUE(pairs) << pairs.error().message;
  EXPECT_EQ(pairs->at(0).columns, (std::vector<double>{0.25, -2}));
  EXPECT_EQ(pairs->at(1).columns, (std::vector<double>{1, 0.5}));
}

TEST(PreferenceData, AColumnThatIsNoNumberIsNamedWithItsRow) {
  auto withWeight = [](const std::string &value) {
    return problem(kGood + R"({"prompt":"p","chosen":"c","rejected":"r","weight":)" + value + "}",
                   {{"weight", 1.0}});
  };
  EXPECT_EQ(withWeight("2"), "none");
  EXPECT_EQ(withWeight("\"2\""), "p.jsonl:2: field `weight` must be a number, it is string");
  EXPECT_EQ(withWeight("null"), "p.jsonl:2: field `weight` must be a number, it is null");
  EXPECT_EQ(withWeight("true"), "p.jsonl:2: field `weight` must be a number, it is boolean");
  EXPECT_EQ(withWeight("NaN").rfind("p.jsonl:2: not JSON", 0), 0u);
  EXPECT_EQ(withWeight("1e39"), "p.jsonl:2: field `weight` is beyond the range of float32");
  EXPECT_EQ(withWeight("1e999"), "p.jsonl:2: a number is too large for a double");
  EXPECT_EQ(problem(kGood, {{"weight", {}}}),
            "p.jsonl:1: field `weight` is missing; the objective reads it as a column without a "
            "default");
}

TEST(PreferenceStatistics, CountsWhatStopsLearning) {
  std::vector<PreferencePair> pairs{
      {"p", "same", "same"}, {"p", "aa", "b"}, {"p", "aa", "b"}, {"p", "b", "aa"}};
  PreferenceStatistics statistics = describe(pairs);
  EXPECT_EQ(statistics.pairs, 4u);
  EXPECT_EQ(statistics.identical, 1u);
  EXPECT_EQ(statistics.duplicates, 1u);
  EXPECT_EQ(statistics.conflicts, 1u);
  EXPECT_DOUBLE_EQ(statistics.chosenLonger, 0.5);
  EXPECT_DOUBLE_EQ(statistics.chosenBytes, 9.0 / 4);
  EXPECT_EQ(statistics.longestBytes, 5u);
  EXPECT_EQ(toString(statistics),
            "4 pairs, 1 identical, 1 duplicate, 1 contradicting; bytes: prompt 1, chosen 2, "
            "rejected 2, longest 5; chosen longer in 50.0 %");
}

TEST(PreferenceData, RealPairs) {
  std::string path = disco::test::sharedData("tldr/tldr_dpo_pairs_1000.jsonl");
  if (path.empty())
    GTEST_SKIP() << "the TL;DR pairs are not on this machine";
  auto pairs = readPreferencePairs(path);
  ASSERT_TRUE(pairs) << pairs.error().message;
  EXPECT_EQ(pairs->size(), 1000u);
  EXPECT_EQ(describe(*pairs).identical, 0u);
}
