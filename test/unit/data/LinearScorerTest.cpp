// Scores against sums by hand; learning on a few texts, and on IMDb where it is at hand.
#include "trainer/data/LinearScorer.h"
#include "Files.h"
#include "trainer/data/Imdb.h"

#include <cmath>

using namespace disco;
using namespace disco::data;
using disco::test::slurp;
using disco::test::TemporaryFolder;

namespace {

const std::vector<FeatureWeight> kWeights{
    {"good", 1}, {"bad", -2}, {"not good", -3}, {"it's", 0.5f}};

std::vector<LabelledText> labelled() {
  return {{"a good film", true},  {"good fun", true},      {"simply good", true},
          {"a bad film", false},  {"bad and slow", false}, {"not good", false},
          {"was not good", false}};
}

} // namespace

TEST(LinearScorer, SumsWordsAndPairsOnce) {
  LinearScorer scorer = LinearScorer::withWeights(kWeights, 0.25f, 16);
  EXPECT_DOUBLE_EQ(scorer.logit(""), 0.25);
  EXPECT_DOUBLE_EQ(scorer.logit("Good!"), 1.25);
  EXPECT_DOUBLE_EQ(scorer.logit("good, good GOOD"), 1.25);
  EXPECT_DOUBLE_EQ(scorer.logit("not good"), 1.25 - 3);
  EXPECT_DOUBLE_EQ(scorer.logit("not, good"), 1.25 - 3);
  EXPECT_DOUBLE_EQ(scorer.logit("it's bad"), 0.25 + 0.5 - 2);
  EXPECT_DOUBLE_EQ(scorer.logit("goodness"), 0.25);
  EXPECT_DOUBLE_EQ(scorer.probability("Good!"), 1 / (1 + std::exp(-1.25)));
}

TEST(LinearScorer, LearnsNegationFromPairs) {
  LinearScorer scorer = LinearScorer::train(labelled(), {.bits = 12, .epochs = 50});
  EXPECT_EQ(scorer.accuracy(labelled()), 1.0);
  EXPECT_GT(scorer.logit("good"), 0);
  EXPECT_LT(scorer.logit("not good"), 0);
}

TEST(LinearScorer, TrainingIsDeterministic) {
  auto logit = [](uint64_t seed) {
    return LinearScorer::train(labelled(), {.bits = 12, .epochs = 2, .seed = seed})
        .logit("good film");
  };
  EXPECT_EQ(logit(1), logit(1));
  EXPECT_NE(logit(1), logit(2));
}

TEST(LinearScorer, ComesBackFromItsFile) {
  TemporaryFolder folder;
  LinearScorer scorer = LinearScorer::train(labelled(), {.bits = 12});
  ASSERT_TRUE(scorer.save(folder / "s.bin"));
  Result<LinearScorer> loaded = LinearScorer::load(folder / "s.bin");
  ASSERT_TRUE(loaded) << loaded.error().message;
  for (const LabelledText &text : labelled())
    EXPECT_EQ(loaded->logit(text.text), scorer.logit(text.text));
}

TEST(LinearScorer, OtherAndDamagedFilesAreRefused) {
  TemporaryFolder folder;
  ASSERT_TRUE(LinearScorer::withWeights(kWeights, 0, 16).save(folder / "s.bin"));
  std::string good = slurp(folder / "s.bin");
  auto problem = [&](std::string content) {
    std::string path = folder.write("bad.bin", content);
    Result<LinearScorer> loaded = LinearScorer::load(path);
    return loaded ? "none" : loaded.error().message.substr(path.size());
  };
  const std::string damaged = ": damaged scorer (size or checksum is wrong); make the task again";
  EXPECT_EQ(problem(good), "none");
  EXPECT_EQ(problem(""), ": not a scorer of `disco data`");
  EXPECT_EQ(problem("x" + good), ": not a scorer of `disco data`");
  EXPECT_EQ(problem(good.substr(0, good.size() - 1)), damaged);
  EXPECT_EQ(problem(good.substr(0, 30)), damaged);
  std::string flipped = good;
  flipped[good.size() / 2] ^= 1;
  EXPECT_EQ(problem(flipped), damaged);
  std::string huge = good;
  huge[12] = 63; // bits
  EXPECT_EQ(problem(huge), damaged);
  std::string newer = good;
  newer[8] = 2;
  EXPECT_EQ(problem(newer), ": version 2 of the scorer format, this disco reads version 1");
}

TEST(LinearScorer, NinetyPercentOnImdb) {
  std::string train = disco::test::sharedData("imdb/imdb_train25k.jsonl.xz");
  if (train.empty())
    GTEST_SKIP() << "the IMDb reviews are not on this machine";
  Result<Reviews> reviews = readImdb({std::filesystem::path(train).parent_path().string()});
  ASSERT_TRUE(reviews) << reviews.error().message;
  auto texts = [](std::initializer_list<const std::vector<Review> *> groups) {
    std::vector<LabelledText> result;
    for (const std::vector<Review> *group : groups)
      for (const Review &review : *group)
        result.push_back({review.text, review.positive});
    return result;
  };
  LinearScorer scorer = LinearScorer::train(texts({&reviews->train}), {});
  EXPECT_GE(scorer.accuracy(texts({&reviews->judge, &reviews->search, &reviews->final})), 0.90);
}
