// Preference pairs from a model and a known reward: completions are sampled, scored, and labelled
// by a Bradley-Terry draw, as people with that reward and some noise would label them. No torch
// here.
#pragma once

#include "trainer/Model.h"
#include "trainer/data/LinearScorer.h"
#include "trainer/data/PreferenceData.h"
#include "trainer/data/Task.h"

#include <vector>

namespace disco::trainer {

struct PreferenceSampling {
  uint64_t seed = 0;
  int completionTokens = 32;
  double temperature = 1;
};

struct ScoredPair {
  data::PreferencePair text;
  double chosenReward = 0, rejectedReward = 0; // P(positive | prompt and completion), in [0, 1]
};

/// Four completions y of every prompt x, joined into the pairs (1, 2) and (3, 4). With r = logit
/// P(positive | x, y), the first is chosen with probability sigmoid(r1 - r2) (Bradley and Terry
/// 1952). Pairs with an empty or two equal completions are left out.
std::vector<ScoredPair> samplePreferencePairs(const Gpt2Model &model,
                                              const data::Tokenizer &tokenizer,
                                              const data::LinearScorer &reward,
                                              const std::vector<data::Prompt> &prompts,
                                              const PreferenceSampling &sampling);

} // namespace disco::trainer
