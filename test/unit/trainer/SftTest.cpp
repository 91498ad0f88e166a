// Fine-tuning lowers the loss, and repeats itself bit for bit.
#include "trainer/Sft.h"
#include "Fixtures.h"

#include <gtest/gtest.h>

namespace disco::trainer {
namespace {

TEST(Sft, LearnsARepeatedSequence) {
  ModelPtr model = createModel(smallConfig(), 7);
  std::vector<std::vector<int32_t>> rows(16, {1, 5, 2, 7, 3, 9, 4});
  TrainConfig config;
  config.max_steps = 60;
  config.learning_rate = 1e-2;
  auto result = fineTune(*model, rows, config);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_GT(result->firstLoss, 2);
  EXPECT_LT(result->lastLoss, 0.5);
}

TEST(Sft, NothingToLearnFromIsAnError) {
  ModelPtr model = createModel(smallConfig(), 7);
  EXPECT_FALSE(fineTune(*model, {{1}}, TrainConfig()));
}

TEST(Sft, PackedRowsPredictEveryTokenOnce) {
  auto tokenizer = data::Tokenizer::train(std::vector<std::string>{"aaaa"}, 257);
  auto rows = packTexts({"abc", "de"}, tokenizer, 3);
  std::vector<int32_t> labels;
  for (const auto &row : rows) {
    EXPECT_LE(row.size(), 4u);
    labels.insert(labels.end(), row.begin() + 1, row.end());
  }
  std::vector<int32_t> expected = tokenizer.encode("abc");
  expected.push_back(tokenizer.endOfText());
  for (int32_t token : tokenizer.encode("de"))
    expected.push_back(token);
  expected.push_back(tokenizer.endOfText());
  EXPECT_EQ(labels, expected);
}

} // namespace
} // namespace disco::trainer
