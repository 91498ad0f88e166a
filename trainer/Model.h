// A language model as the rest of Disco sees it: made, loaded, saved, named by content. No torch
// here; the tensors and the mathematics are in Gpt2Model.h.
#pragma once

#include "dsl/support/Result.h"
#include "trainer/data/Tokenizer.h"

#include <cstdint>
#include <memory>
#include <string>

namespace disco::trainer {

/// Shape of a GPT-2 model under the names of Hugging Face's config.json.
struct Gpt2Config {
  int64_t vocab_size = 512;
  int64_t n_positions = 64; // longest sequence
  int64_t n_embd = 64;
  int64_t n_layer = 2;
  int64_t n_head = 2; // divides n_embd
  double layer_norm_epsilon = 1e-5;
  double initializer_range = 0.02;
  int64_t eos_token_id = 511;

  int64_t parameterCount() const;
};

/// Reads and checks config.json: the architecture must be GPT-2 as we compute it (tanh GELU, tied
/// head, MLP of 4 n_embd) and sizes must lie in ranges that cannot exhaust memory. `place` names
/// the text in errors.
Result<Gpt2Config> configFromJson(const std::string &json, const std::string &place);
std::string toJson(const Gpt2Config &config);

class Gpt2Model;
using ModelPtr = std::shared_ptr<Gpt2Model>;

/// Random weights as GPT-2 initialises them: normal(0, initializer_range), residual projections
/// scaled by 1/sqrt(2 n_layer).
ModelPtr createModel(const Gpt2Config &config, uint64_t seed);
/// Reads config.json and model.safetensors of a directory; tensor names with or without
/// `transformer.`.
Result<ModelPtr> loadModel(const std::string &directory);
/// Writes config.json, generation_config.json, model.safetensors and tokenizer.json, each
/// atomically.
Result<void> saveModel(const Gpt2Model &model, const data::Tokenizer &tokenizer,
                       const std::string &directory);

const Gpt2Config &configOf(const Gpt2Model &model);
/// SHA-256 of the weights and the shape.
std::string contentHash(const Gpt2Model &model);

/// Sets this process up for training: threads of torch's pool, denormals flushed to 0, freed memory
/// kept for the next step.
void prepareProcess(int threads);

} // namespace disco::trainer
