// The grammar against its lexicon, whose weights are repeated here as numbers.
#include "trainer/data/Synthetic.h"

#include <gtest/gtest.h>
#include <set>

using namespace disco::data;

namespace {

std::vector<LabelledText> labelled(const std::vector<Review> &reviews) {
  std::vector<LabelledText> texts;
  for (const Review &review : reviews)
    texts.push_back({review.text, review.positive});
  return texts;
}

} // namespace

TEST(Synthetic, TheScoreIsTheLexiconsSum) {
  LinearScorer reward = syntheticReward();
  EXPECT_NEAR(reward.logit("the plot is good."), 0.8, 1e-6);
  EXPECT_NEAR(reward.logit("the plot is very good."), 1.2, 1e-6);
  EXPECT_NEAR(reward.logit("the plot is slightly good."), 0.4, 1e-6);
  EXPECT_NEAR(reward.logit("the plot is not good."), -0.56, 1e-6);
  EXPECT_NEAR(reward.logit("a superb cast and an awful score"), 0, 1e-6);
  EXPECT_EQ(reward.logit("this film is about three brothers in the far north."), 0);
}

TEST(Synthetic, SameSeedSameReviewsAndDistinctGroups) {
  SyntheticSizes sizes{20, 20, 20, 20};
  Reviews first = syntheticReviews(1, sizes), again = syntheticReviews(1, sizes),
          other = syntheticReviews(2, sizes);
  std::set<std::string> texts;
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(first.train[i].text, again.train[i].text);
    EXPECT_EQ(first.train[i].positive, again.train[i].positive);
    EXPECT_NE(first.train[i].text, other.train[i].text);
    for (const auto *group : {&first.train, &first.judge, &first.search, &first.final})
      texts.insert((*group)[i].text);
  }
  EXPECT_EQ(texts.size(), 80u);
}

TEST(Synthetic, LabelsFollowTheScoreAndAJudgeCanLearnThem) {
  Reviews reviews = syntheticReviews(3, {.train = 2000, .judge = 2000, .search = 1, .final = 1});
  std::vector<LabelledText> train = labelled(reviews.train), judge = labelled(reviews.judge);
  size_t positive = 0;
  for (const LabelledText &text : train)
    positive += text.positive;
  EXPECT_NEAR(double(positive) / 2000, 0.5, 0.05);
  double best = syntheticReward().accuracy(train); // no scorer can do better on noisy labels
  EXPECT_GT(best, 0.80);
  double learned = LinearScorer::train(judge, {.bits = 16}).accuracy(train);
  EXPECT_GT(learned, best - 0.08);
  EXPECT_LT(learned, best + 0.01);
}

TEST(Synthetic, TheStartOfAReviewSaysSomethingOfTheRest) {
  Reviews reviews = syntheticReviews(4, {.train = 2000, .judge = 1, .search = 1, .final = 1});
  LinearScorer reward = syntheticReward();
  double product = 0;
  for (const Review &review : reviews.train) {
    size_t half = review.text.find(". ", review.text.size() / 3);
    ASSERT_NE(half, std::string::npos);
    product += reward.logit(review.text.substr(0, half)) * reward.logit(review.text.substr(half));
  }
  EXPECT_GT(product / 2000, 0.1);
}
