// Scoring a trained policy: completions of held-out prompts, the two judges on them, and both
// divergences from the reference.
#pragma once

#include "trainer/Model.h"
#include "trainer/TrainConfig.h"
#include "trainer/data/LinearScorer.h"
#include "trainer/data/Task.h"

#include <string>
#include <vector>

namespace disco::trainer {

/// What scoring needs besides the policy, loaded once.
struct EvalSetup {
  data::Tokenizer tokenizer;
  ModelPtr reference;
  data::LinearScorer reward, judge;
  std::vector<data::Prompt> prompts;
  int completionTokens = 0;
  double temperature = 1;
};
Result<EvalSetup> loadEvalSetup(const data::Task &task, const std::string &prompts,
                                int64_t maxPrompts);

struct EvalResult {
  double reward = 0, judge = 0; // mean P(positive | prompt and completion) of the gold reward and
                                // of the second judge
  double klPolicyReference =
      0; // nats per token, exact over the vocabulary, mean over all tokens the policy sampled
  double klReferencePolicy =
      0; // likewise, KL(reference || policy): what DiscoPOP's CSV calls kl_divergence
  double completionLength = 0; // mean tokens
  size_t completions = 0;
};
/// Error when a number is not finite, which means that the policy's weights are not.
Result<EvalResult> evaluate(const Gpt2Model &policy, const EvalSetup &setup,
                            const EvalConfig &config);

/// One line of the reference curve's CSV, and its head.
std::string csvHeader();
std::string csvRow(const std::string &loss, double beta, uint64_t seed, const EvalResult &result);

} // namespace disco::trainer
