// Sentiment of a text as a linear model on hashed words and word pairs: the gold reward and the
// second judge. Training is a logistic regression with Adagrad; nothing here knows where the texts
// come from.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace disco::data {

struct LabelledText {
  std::string text;
  bool positive = false;
};

struct LinearTraining {
  int bits = 19; // 2^bits buckets
  int epochs = 4;
  double learningRate = 0.3; // Adagrad's
  uint64_t seed = 0;         // order of the texts
};

/// A known weight for a word ("good") or for two neighbouring words ("not good").
struct FeatureWeight {
  std::string feature;
  float weight = 0;
};

class LinearScorer {
public:
  /// Deterministic in its arguments. Needs at least one text.
  static LinearScorer train(std::span<const LabelledText> texts, const LinearTraining &options);
  /// A scorer with given weights, everything else 0. Features must not collide in the table
  /// (asserted).
  static LinearScorer withWeights(std::span<const FeatureWeight> weights, float bias, int bits);

  /// logit P(positive | text) = bias + sum of the weights of the n distinct words and word pairs of
  /// the text; a trained scorer divides the sum by sqrt(n), so that short and long texts are on one
  /// scale.
  double logit(std::string_view text) const;
  /// P(positive | text) = sigmoid(logit), in [0, 1].
  double probability(std::string_view text) const;
  /// Share of the texts whose label the scorer gives (probability > 0.5 means positive).
  double accuracy(std::span<const LabelledText> texts) const;

  /// Binary file with a header and a checksum. load() refuses other files, other versions and
  /// damaged ones.
  Result<void> save(const std::string &path) const;
  static Result<LinearScorer> load(const std::string &path);

private:
  bool normalised_ = true; // divide the sum by sqrt(n)
  int bits_ = 0;
  float bias_ = 0;
  std::vector<float> weights_; // [2^bits_]
};

} // namespace disco::data
