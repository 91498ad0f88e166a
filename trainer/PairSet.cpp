// Tokenising pairs, and the reference cache: magic, float32 log-probabilities of all tokens of the
// chosen completions, then of the rejected ones, SHA-256 of all before it.
#include "trainer/PairSet.h"

#include "trainer/Gpt2Model.h"
#include "trainer/Head.h"
#include "trainer/data/AtomicFile.h"
#include "trainer/data/ContentHash.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstring>

namespace disco::trainer {
namespace {

constexpr std::string_view kMagic = "disco reference 2\n";
constexpr size_t kDigest = 64;
constexpr size_t kBatch = 32; // sequences of a forward pass without gradient

Sequence joinTokens(const std::vector<int32_t> &prompt, const std::vector<int32_t> &completion,
                    int64_t limit) {
  Sequence sequence{prompt, static_cast<int64_t>(prompt.size())};
  sequence.tokens.insert(sequence.tokens.end(), completion.begin(), completion.end());
  if (static_cast<int64_t>(sequence.tokens.size()) > limit)
    sequence.tokens.resize(limit);
  return sequence;
}

std::string cacheKey(const Gpt2Model &model, const PairSet &set) {
  data::ContentHash hash;
  hash.add(contentHash(model));
  for (const TokenizedPair &pair : set.pairs)
    for (const Sequence *sequence : {&pair.chosen, &pair.rejected}) {
      hash.add({reinterpret_cast<const char *>(sequence->tokens.data()),
                sequence->tokens.size() * sizeof(int32_t)});
      hash.add(std::to_string(sequence->scoredFrom));
    }
  return hash.hex();
}

/// Sets the offsets of both sides.
void layOut(PairSet &set) {
  set.referenceChosen.offsets = set.referenceRejected.offsets = {0};
  for (const TokenizedPair &pair : set.pairs) {
    auto append = [](std::vector<size_t> &offsets, const Sequence &sequence) {
      offsets.push_back(offsets.back() + static_cast<size_t>(sequence.scoredLength()));
    };
    append(set.referenceChosen.offsets, pair.chosen);
    append(set.referenceRejected.offsets, pair.rejected);
  }
}

std::string encode(const PairSet &set) {
  std::string bytes(kMagic);
  for (const SideLogps *side : {&set.referenceChosen, &set.referenceRejected})
    bytes.append(reinterpret_cast<const char *>(side->tokens.data()),
                 side->tokens.size() * sizeof(float));
  return bytes + data::sha256Hex(bytes);
}

/// Fills in the tokens, given their offsets; false when the bytes are not those of this set.
bool decode(std::string_view bytes, PairSet &set) {
  SideLogps *sides[] = {&set.referenceChosen, &set.referenceRejected};
  size_t tokens = sides[0]->offsets.back() + sides[1]->offsets.back();
  if (bytes.size() != kMagic.size() + tokens * sizeof(float) + kDigest ||
      !bytes.starts_with(kMagic) ||
      data::sha256Hex(bytes.substr(0, bytes.size() - kDigest)) !=
          bytes.substr(bytes.size() - kDigest))
    return false;
  const char *from = bytes.data() + kMagic.size();
  for (SideLogps *side : sides) {
    side->tokens.resize(side->offsets.back());
    std::memcpy(side->tokens.data(), from, side->tokens.size() * sizeof(float));
    from += side->tokens.size() * sizeof(float);
  }
  return true;
}

} // namespace

std::vector<data::WantedColumn> wantedColumns(const dsl::Program &program) {
  std::vector<data::WantedColumn> columns;
  for (const dsl::Column &column : program.columns)
    columns.push_back({column.name, column.defaultValue});
  return columns;
}

Result<PairSet> tokenizePairs(const std::vector<data::PreferencePair> &pairs,
                              const data::Tokenizer &tokenizer, const TrainConfig &config,
                              const Gpt2Config &model) {
  if (tokenizer.vocabSize() > model.vocab_size)
    return Error{"the tokenizer has " + std::to_string(tokenizer.vocabSize()) +
                 " tokens, the model only " + std::to_string(model.vocab_size)};
  int64_t limit = std::min(config.max_length, model.n_positions + 1);
  size_t count =
      config.max_pairs > 0 ? std::min<size_t>(config.max_pairs, pairs.size()) : pairs.size();
  PairSet set;
  for (size_t i = 0; i < count; ++i) {
    std::vector<int32_t> prompt = tokenizer.encode(pairs[i].prompt),
                         chosen = tokenizer.encode(pairs[i].chosen),
                         rejected = tokenizer.encode(pairs[i].rejected);
    if (prompt.empty())
      prompt.push_back(tokenizer.endOfText());
    if (config.append_eos) {
      chosen.push_back(tokenizer.endOfText());
      rejected.push_back(tokenizer.endOfText());
    }
    TokenizedPair pair{joinTokens(prompt, chosen, limit), joinTokens(prompt, rejected, limit)};
    if (pair.chosen.scoredLength() < 1 || pair.rejected.scoredLength() < 1)
      ++set.dropped;
    else {
      set.pairs.push_back(std::move(pair));
      set.lines.push_back(i + 1);
      set.columns.resize(pairs[i].columns.size());
      for (size_t c = 0; c < set.columns.size(); ++c)
        set.columns[c].push_back(static_cast<float>(pairs[i].columns[c]));
    }
  }
  if (set.pairs.empty())
    return Error{"no pair is left: each prompt fills all of the " + std::to_string(limit) +
                 " tokens that `max_length` and the model allow"};
  return set;
}

void computeReference(const Gpt2Model &model, PairSet &set) {
  at::NoGradGuard noGrad;
  std::vector<const Sequence *> sequences;
  for (const TokenizedPair &pair : set.pairs)
    sequences.push_back(&pair.chosen);
  for (const TokenizedPair &pair : set.pairs)
    sequences.push_back(&pair.rejected);
  std::vector<float> logps;
  for (size_t from = 0; from < sequences.size(); from += kBatch) {
    size_t count = std::min(kBatch, sequences.size() - from);
    TokenBatch batch(std::span<const Sequence *const>(sequences).subspan(from, count));
    at::Tensor logps_M = tokenValues({model.hidden(batch), model.wte_VD}, batch).logps_M;
    const float *values = logps_M.const_data_ptr<float>();
    logps.insert(logps.end(), values, values + logps_M.numel());
  }
  layOut(set);
  auto middle = logps.begin() + static_cast<ptrdiff_t>(set.referenceChosen.offsets.back());
  set.referenceChosen.tokens.assign(logps.begin(), middle);
  set.referenceRejected.tokens.assign(middle, logps.end());
}

void cachedReference(const Gpt2Model &model, PairSet &set, const std::string &cache,
                     std::string &warning) {
  std::string path = cache + "/reference-" + cacheKey(model, set).substr(0, 32) + ".bin";
  layOut(set);
  if (auto bytes = data::readFile(path); bytes && decode(*bytes, set))
    return;
  computeReference(model, set);
  auto written = data::createFolders(cache);
  if (written)
    written = data::writeFileAtomically(path, encode(set));
  if (!written)
    warning = "the reference log-probabilities are not cached: " + written.error().message;
}

} // namespace disco::trainer
