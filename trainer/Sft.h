// Supervised fine-tuning: next-token prediction on texts, which makes the reference model that
// preference training starts from.
#pragma once

#include "trainer/Model.h"
#include "trainer/TrainConfig.h"

#include <functional>
#include <string>
#include <vector>

namespace disco::trainer {

struct SftProgress {
  int64_t step = 0, steps = 0;
  double loss = 0; // nats per token, mean over the batch
};

struct SftResult {
  double firstLoss = 0, lastLoss = 0; // nats per token; the last is a running mean
  int64_t steps = 0, tokens = 0;
};

/// Trains `model` in place on sequences of token ids (each at most n_positions + 1 long; shorter
/// than 2 are skipped). Order and steps follow `config`: per_device_train_batch_size sequences a
/// step, max_steps or num_train_epochs. `stop` is asked between steps. Errors: nothing to train on,
/// a non-finite loss, stopped.
Result<SftResult> fineTune(Gpt2Model &model, const std::vector<std::vector<int32_t>> &sequences,
                           const TrainConfig &config,
                           const std::function<void(const SftProgress &)> &progress = {},
                           const std::function<bool()> &stop = {});

/// Encodes texts, ends each with `<|endoftext|>`, joins them and cuts the stream into rows of
/// `length` + 1 tokens that overlap by one, so that every token but the first is predicted exactly
/// once. With `separate`, every text starts its own row and what is longer than a row is cut off:
/// for texts whose beginning matters.
std::vector<std::vector<int32_t>> packTexts(const std::vector<std::string> &texts,
                                            const data::Tokenizer &tokenizer, int64_t length,
                                            bool separate = false);

} // namespace disco::trainer
