// Invented film reviews from a small grammar whose sentiment is known exactly: the same task as
// IMDb without any download, in seconds. A review has a hidden mood that its sentences follow, so
// the start of one says something about the rest.
#pragma once

#include "trainer/data/LinearScorer.h"
#include "trainer/data/Reviews.h"

namespace disco::data {

struct SyntheticSizes {
  int train = 4000, judge = 2000, search = 500, final = 500;
};

/// Reviews in their four groups, distinct streams of `seed`. A review is positive with probability
/// sigmoid(known score).
Reviews syntheticReviews(uint64_t seed, const SyntheticSizes &sizes);

/// The known score: the sum over the distinct words and word pairs of a text of the lexicon's
/// weights. An adjective of weight w counts w, "very A" 1.5 w, "slightly A" 0.5 w, "not A" -0.7 w.
LinearScorer syntheticReward();

} // namespace disco::data
