// Prompts out of reviews: the first few words of each, as people would begin one.
#pragma once

#include "trainer/data/Random.h"
#include "trainer/data/Reviews.h"
#include "trainer/data/Task.h"
#include "trainer/data/Tokenizer.h"

#include <string>
#include <unordered_set>
#include <vector>

namespace disco::data {

/// The first words of a text, `words` of them or as many as fit in `tokenLimit`; empty when not
/// even one fits or when the text has no more words than that. Words end at a space, which is left
/// to the completion.
std::string promptOf(const std::string &text, uint64_t words, const Tokenizer &tokenizer,
                     int tokenLimit);

/// Up to `count` prompts of 4 to 8 words from the reviews in random order, all different and none
/// of them in `taken`, which grows by them. A prompt's id is its review's.
std::vector<Prompt> choosePrompts(const std::vector<Review> &reviews, Random random, int count,
                                  const Tokenizer &tokenizer, int tokenLimit,
                                  std::unordered_set<std::string> &taken);

} // namespace disco::data
