// Reviews from files made here, in both forms, and from the real data where it is at hand.
#include "trainer/data/Imdb.h"
#include "Files.h"

#include <set>

using namespace disco;
using namespace disco::data;
using disco::test::sharedData;
using disco::test::TemporaryFolder;

namespace {

std::string row(int id, const char *split, int label, const std::string &text) {
  return "{\"id\":" + std::to_string(id) + ",\"split\":\"" + split +
         "\",\"label\":" + std::to_string(label) + ",\"rating\":7,\"text\":\"" + text + "\"}\n";
}

std::string tenTests() {
  std::string rows;
  for (int id = 0; id < 10; ++id)
    rows += row(id, "test", id % 2, "test " + std::to_string(id));
  return rows;
}

std::set<int64_t> ids(const std::vector<Review> &reviews) {
  std::set<int64_t> result;
  for (const Review &review : reviews)
    result.insert(review.id);
  return result;
}

} // namespace

TEST(Imdb, RowsAndTheirSplits) {
  TemporaryFolder folder;
  std::string train =
      folder.write("a.jsonl", row(1, "train", 1, "one<br /><br />two") + row(1, "val", 0, "three"));
  std::string test = folder.write("b.jsonl", tenTests());
  Result<Reviews> reviews = readImdb({train, test});
  ASSERT_TRUE(reviews) << reviews.error().message;
  ASSERT_EQ(reviews->train.size(), 2u);
  EXPECT_EQ(reviews->train[0].text, "one two");
  EXPECT_TRUE(reviews->train[0].positive);
  EXPECT_NE(reviews->train[0].id, reviews->train[1].id) << "ids repeat between labels";
  EXPECT_EQ(reviews->judge.size(), 6u);
  EXPECT_EQ(reviews->search.size(), 2u);
  EXPECT_EQ(reviews->final.size(), 2u);
  std::set<int64_t> all = ids(reviews->judge);
  all.merge(ids(reviews->search));
  all.merge(ids(reviews->final));
  EXPECT_EQ(all.size(), 10u);
}

TEST(Imdb, TheSplitDependsOnIdsAlone) {
  TemporaryFolder folder;
  std::string rows = tenTests(), reversed;
  std::istringstream lines(rows);
  for (std::string line; std::getline(lines, line);)
    reversed = line + "\n" + reversed;
  std::string train = row(1, "train", 1, "x");
  Result<Reviews> first = readImdb({folder.write("a.jsonl", train + rows)});
  Result<Reviews> second = readImdb({folder.write("b.jsonl", reversed + train)});
  ASSERT_TRUE(first && second);
  EXPECT_EQ(ids(first->final), ids(second->final));
  EXPECT_EQ(ids(first->search), ids(second->search));
}

TEST(Imdb, TheOriginalFolder) {
  TemporaryFolder folder;
  for (int id = 0; id < 5; ++id) {
    folder.write("aclImdb/test/pos/" + std::to_string(id) + "_9.txt", "good");
    folder.write("aclImdb/test/neg/" + std::to_string(id) + "_2.txt", "bad");
  }
  folder.write("aclImdb/train/pos/12_10.txt", "fine<br />film");
  folder.write("aclImdb/train/neg/12_1.txt", "poor");
  folder.write("aclImdb/train/unsup/1_0.txt", "unlabelled");
  Result<Reviews> reviews = readImdb({folder / "aclImdb"});
  ASSERT_TRUE(reviews) << reviews.error().message;
  ASSERT_EQ(reviews->train.size(), 2u);
  EXPECT_EQ(reviews->train[0].text, "poor");
  EXPECT_EQ(reviews->train[1].text, "fine film");
  EXPECT_EQ(reviews->judge.size() + reviews->search.size() + reviews->final.size(), 10u);
}

TEST(Imdb, WhatIsMissingIsNamed) {
  TemporaryFolder folder;
  EXPECT_EQ(readImdb({folder.path()}).error().message,
            folder.path() +
                ": no IMDb reviews here; looked for the folders `train` and `test` of aclImdb, "
                "then for files *train*.jsonl and *test*.jsonl (also .gz, .zst, .xz)");
  EXPECT_EQ(readImdb({folder / "no"}).error().message,
            (folder / "no") + ": cannot open: No such file or directory");
  std::string train = folder.write("train.jsonl", row(1, "train", 1, "x"));
  EXPECT_EQ(readImdb({train}).error().message,
            train + ": found 1 training and 0 test reviews; both halves of the data are needed");
  std::string bad = folder.write("bad.jsonl", row(1, "train", 2, "x"));
  EXPECT_EQ(readImdb({bad}).error().message, bad + ":1: field `label` must be 0 or 1, it is 2");
  folder.write("aclImdb/train/neg/x.txt", "");
  std::filesystem::create_directories(folder / "aclImdb/test");
  EXPECT_EQ(readImdb({folder / "aclImdb"}).error().message,
            (folder / "aclImdb/train/neg/x.txt") + ": expected a name of the form ID_RATING.txt");
}

TEST(Imdb, RealReviews) {
  std::string train = sharedData("imdb/imdb_train25k.jsonl.xz");
  if (train.empty())
    GTEST_SKIP() << "the IMDb reviews are not on this machine";
  Result<Reviews> reviews = readImdb({std::filesystem::path(train).parent_path().string()});
  ASSERT_TRUE(reviews) << reviews.error().message;
  EXPECT_EQ(reviews->train.size(), 25000u);
  EXPECT_EQ(reviews->judge.size(), 15000u);
  EXPECT_EQ(reviews->search.size(), 5000u);
  EXPECT_EQ(reviews->final.size(), 5000u);
  EXPECT_EQ(ids(reviews->train).size(), 25000u);
  size_t positive = 0;
  for (const Review &review : reviews->train) {
    positive += review.positive;
    ASSERT_EQ(review.text.find("<br />"), std::string::npos);
  }
  EXPECT_EQ(positive, 12500u);
}
