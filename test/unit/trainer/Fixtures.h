// What several tests of the trainer need: a small model, random sequences, DPO in closed form, a
// folder of one's own.
#pragma once

#include "dsl/Dsl.h"
#include "trainer/DpoTrainer.h"
#include "trainer/data/Random.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace disco::trainer {

inline Gpt2Config smallConfig() {
  return {.vocab_size = 37,
          .n_positions = 24,
          .n_embd = 16,
          .n_layer = 2,
          .n_head = 2,
          .initializer_range = 0.3,
          .eos_token_id = 36};
}

inline Sequence randomSequence(data::Random &random, size_t length, int64_t scoredFrom,
                               int64_t vocabulary = 37) {
  Sequence sequence{{}, scoredFrom};
  for (size_t i = 0; i < length; ++i)
    sequence.tokens.push_back(
        static_cast<int32_t>(random.below(static_cast<uint64_t>(vocabulary - 1))));
  return sequence;
}

inline PairSet randomPairs(size_t count, const Gpt2Model &reference) {
  data::Random random(5, "pairs");
  PairSet set;
  for (size_t i = 0; i < count; ++i) {
    Sequence chosen = randomSequence(random, 6 + random.below(10), 3),
             rejected = randomSequence(random, 6 + random.below(10), 3);
    set.pairs.push_back({chosen, rejected});
    set.lines.push_back(i + 1);
  }
  computeReference(reference, set);
  return set;
}

/// The program of a text that is known to be right.
inline dsl::Program compiled(const std::string &text) {
  Source source("test", text);
  Diagnostics found;
  auto program = dsl::compileSource(source, found);
  if (!program)
    throw std::logic_error(renderDiagnostics(source, found.sorted()));
  return std::move(*program);
}

/// mean softplus(-beta ((pc - rc) - (pr - rr))), written out; the value shares no code with the
/// language; the text only says what is read.
class ClosedFormDpo : public Objective {
public:
  double beta = 0.1;
  int poisonedCall =
      -1; // the call of gradient() that answers with a loss or a gradient that is not finite
  bool poisonGradientOnly = false;

  const dsl::Program &program() const override { return program_; }
  std::span<const double> parameters() const override { return {}; }
  float gradient(const ObjectiveInputs &in, const ObjectiveGradients &gradients) override {
    auto [dChosen, dRejected] = std::pair(gradients[0], gradients[1]);
    double loss = 0;
    for (size_t i = 0; i < in.pairs; ++i) {
      double z = beta * margin(in, i);
      loss += std::log1p(std::exp(-z));
      dChosen[i] = static_cast<float>(-beta / (1 + std::exp(z)) / static_cast<double>(in.pairs));
      dRejected[i] = -dChosen[i];
    }
    if (calls_++ == poisonedCall) {
      dRejected[0] = std::nanf("");
      if (!poisonGradientOnly)
        return std::nanf("");
    }
    return static_cast<float>(loss / static_cast<double>(in.pairs));
  }
  void report(const ObjectiveInputs &in, ObjectiveReport &out) override {
    out = {};
    for (size_t i = 0; i < in.pairs; ++i) {
      out.losses.push_back(0);
      out.chosenRewards.push_back(static_cast<float>(beta * margin(in, i)));
      out.rejectedRewards.push_back(0);
    }
  }
  std::vector<double> next(const ObjectiveInputs &) override { return {}; }

private:
  static double margin(const ObjectiveInputs &in, size_t i) {
    return double(in.columns[0][i]) - in.columns[1][i] -
           (double(in.columns[2][i]) - in.columns[3][i]);
  }
  dsl::Program program_ = compiled("objective dpo { loss = softplus(-0.1 * margin); }");
  int calls_ = 0;
};

class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "disco-trainer-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::string &path() const { return path_; }

private:
  std::string path_;
};

/// Every byte of weights and optimiser.
inline std::string stateBytes(const DpoTrainer &trainer) {
  return tensorsToBytes(trainer.tensors());
}

} // namespace disco::trainer
