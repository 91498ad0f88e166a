// Prompts with a tokenizer of single bytes, so that tokens can be counted by eye.
#include "trainer/data/Prompts.h"

#include <gtest/gtest.h>

using namespace disco::data;

namespace {

const Tokenizer &bytes() {
  static const Tokenizer tokenizer = Tokenizer::train(std::vector<std::string>{}, 257);
  return tokenizer;
}

} // namespace

TEST(PromptOf, TakesWholeWords) {
  EXPECT_EQ(promptOf("one two three", 1, bytes(), 99), "one");
  EXPECT_EQ(promptOf("one two three", 2, bytes(), 99), "one two");
  EXPECT_EQ(promptOf("one  two three", 2, bytes(), 99), "one  two");
}

TEST(PromptOf, LeavesSomethingToComplete) {
  EXPECT_EQ(promptOf("one two three", 3, bytes(), 99), "");
  EXPECT_EQ(promptOf("", 1, bytes(), 99), "");
  EXPECT_EQ(promptOf("   ", 1, bytes(), 99), "");
}

TEST(PromptOf, KeepsTheTokenLimit) {
  EXPECT_EQ(promptOf("one two three", 2, bytes(), 7), "one two");
  EXPECT_EQ(promptOf("one two three", 2, bytes(), 6), "one");
  EXPECT_EQ(promptOf("one two three", 2, bytes(), 2), "");
}

TEST(ChoosePrompts, AreDistinctAndNotTaken) {
  std::vector<Review> reviews;
  for (int i = 0; i < 40; ++i)
    reviews.push_back({.id = i, .text = "a b c d e f g h " + std::to_string(i % 2) + " end"});
  // Only the prompts "a b c d" to "a b c d e f g h" exist; one of them is taken.
  std::unordered_set<std::string> taken{"a b c d e"};
  std::vector<Prompt> prompts = choosePrompts(reviews, Random(1, "test"), 10, bytes(), 99, taken);
  EXPECT_EQ(prompts.size(), 4u);
  EXPECT_EQ(taken.size(), 5u);
  std::unordered_set<std::string> more;
  EXPECT_EQ(choosePrompts(reviews, Random(1, "test"), 2, bytes(), 99, more).size(), 2u);
}
