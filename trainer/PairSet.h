// Preference pairs as tokens, with the reference model's log-probabilities and the data set's
// columns: everything a training reads besides the policy.
#pragma once

#include "dsl/Program.h"
#include "trainer/Model.h"
#include "trainer/TokenBatch.h"
#include "trainer/TrainConfig.h"
#include "trainer/data/PreferenceData.h"

#include <span>
#include <string>
#include <vector>

namespace disco::trainer {

struct TokenizedPair {
  Sequence chosen, rejected;
};

/// Log-probabilities of one side's completions, the scored tokens of all pairs end to end.
struct SideLogps {
  std::vector<float> tokens;
  std::vector<size_t> offsets; // [pairs + 1]: pair i has tokens [offsets[i], offsets[i + 1])
  std::span<const float> of(size_t pair) const {
    return std::span(tokens).subspan(offsets[pair], offsets[pair + 1] - offsets[pair]);
  }
};

struct PairSet {
  std::vector<TokenizedPair> pairs;
  std::vector<size_t> lines;                    // [pairs] of the file they come from, from 1
  size_t dropped = 0;                           // pairs that lost a whole completion to max_length
  SideLogps referenceChosen, referenceRejected; // under the reference; empty until filled
  std::vector<std::vector<float>> columns;      // [wanted columns][pairs]
};

/// The columns that a program asks of every row.
std::vector<data::WantedColumn> wantedColumns(const dsl::Program &program);

/// prompt + completion (+ end of text), cut at config.max_length tokens or what the model can see.
/// An empty prompt becomes the end-of-text token. Error when no pair is left.
Result<PairSet> tokenizePairs(const std::vector<data::PreferencePair> &pairs,
                              const data::Tokenizer &tokenizer, const TrainConfig &config,
                              const Gpt2Config &model);

/// Log-probabilities of the tokens of all completions under `model`, by the same code that trains.
void computeReference(const Gpt2Model &model, PairSet &set);
/// The same, kept in the folder `cache` under the hash of model and tokens; a damaged file is
/// computed again. A cache that cannot be written costs time only; the warning says why.
void cachedReference(const Gpt2Model &model, PairSet &set, const std::string &cache,
                     std::string &warning);

} // namespace disco::trainer
