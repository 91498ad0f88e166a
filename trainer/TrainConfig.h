// Settings of a training under TRL's names, read from a YAML recipe or the same keys as JSON. Every
// key is listed once, in TrainConfig.cpp; unknown keys are errors that name file and line.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <string>

namespace disco::trainer {

enum class Schedule : uint8_t { Cosine, Linear, Constant };

/// The pairs that `batch_*` of an objective sees: those of the optimiser step, however it is cut,
/// or those of each micro-batch by itself.
enum class Statistics : uint8_t { Step, Micro };

struct TrainConfig {
  double learning_rate = 1e-3;
  int64_t per_device_train_batch_size = 8; // pairs (or sequences, in fine-tuning) of a micro-batch
  int64_t gradient_accumulation_steps = 1; // micro-batches of an optimiser step
  Statistics statistics = Statistics::Step;
  int64_t max_steps = 0; // optimiser steps; 0: as many as num_train_epochs takes
  double num_train_epochs = 1;
  double warmup_ratio = 0.1; // share of the steps with linearly growing rate
  Schedule lr_scheduler_type = Schedule::Cosine;
  double max_grad_norm = 1; // 0: no clipping
  double weight_decay = 0;  // not on biases and layer norms
  double adam_beta1 = 0.9, adam_beta2 = 0.999, adam_epsilon = 1e-8;
  uint64_t seed = 42; // of the data order
  int64_t logging_steps = 10;
  int64_t save_steps = 0;    // 0: no checkpoints before the end
  int64_t max_length = 1024; // tokens of prompt and completion; the end of a longer one is cut off
  bool append_eos = false; // end completions with the end-of-text token; a task's are cut samples,
                           // not whole texts
  int64_t max_pairs = 0;   // train on the first so many pairs; 0: on all

  int64_t pairsPerStep() const { return per_device_train_batch_size * gradient_accumulation_steps; }
  /// Optimiser steps over a data set of `items`; an incomplete last batch of an epoch is dropped.
  int64_t steps(int64_t items) const;
  /// Learning rate of optimiser step `step` (from 0) of `steps`, as transformers'
  /// get_*_schedule_with_warmup.
  double learningRate(int64_t step, int64_t steps) const;
};

/// How a trained model is scored.
struct EvalConfig {
  std::string prompts = "final"; // "search" or "final"
  int64_t max_prompts = 0;       // the first so many prompts; 0: all
  int64_t samples = 1;           // completions per prompt
  uint64_t seed = 0;             // of the sampling
};

/// A whole recipe file: `task:` and the sections `train:` and `eval:`.
struct Recipe {
  std::string task;
  TrainConfig train;
  EvalConfig eval;
};

/// `text` is YAML (of which JSON is a part). `place` names it in errors.
Result<Recipe> recipeFromYaml(const std::string &text, const std::string &place);
/// The keys of a `train:` section alone, with `eval_prompts` and `eval_samples` for a job's
/// evaluation.
struct JobConfig {
  TrainConfig train;
  int64_t eval_prompts = 0; // as EvalConfig::max_prompts
  int64_t eval_samples = 1; // as EvalConfig::samples
};
Result<JobConfig> jobConfigFromYaml(const std::string &text, const std::string &place);
/// Every key with its value (`statistics` only when it is `micro`), as a JSON object; the same text
/// for equal settings.
std::string toJson(const TrainConfig &config);

} // namespace disco::trainer
