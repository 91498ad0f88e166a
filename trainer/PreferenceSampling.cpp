#include "trainer/PreferenceSampling.h"

#include "trainer/Sampler.h"
#include "trainer/data/Random.h"

#include <cmath>

namespace disco::trainer {

std::vector<ScoredPair> samplePreferencePairs(const Gpt2Model &model,
                                              const data::Tokenizer &tokenizer,
                                              const data::LinearScorer &reward,
                                              const std::vector<data::Prompt> &prompts,
                                              const PreferenceSampling &sampling) {
  constexpr uint64_t kCompletions = 4;
  std::vector<SampleRequest> requests;
  for (uint64_t i = 0; i < prompts.size(); ++i)
    for (uint64_t sample = 0; sample < kCompletions; ++sample)
      requests.push_back(
          {.prompt = tokenizer.encode(prompts[i].text), .stream = i, .sample = sample});
  std::vector<std::vector<int32_t>> completions =
      sampleCompletions(model, requests,
                        {.seed = sampling.seed,
                         .maxNewTokens = sampling.completionTokens,
                         .temperature = sampling.temperature});

  std::vector<ScoredPair> pairs;
  for (uint64_t first = 0; first < completions.size(); first += 2) {
    const std::string &prompt = prompts[first / kCompletions].text;
    std::string one = tokenizer.decode(completions[first]);
    std::string two = tokenizer.decode(completions[first + 1]);
    if (one.empty() || two.empty() || one == two)
      continue;
    double logitOne = reward.logit(prompt + one), logitTwo = reward.logit(prompt + two);
    double oneWins = 1 / (1 + std::exp(logitTwo - logitOne));
    double rewardOne = reward.probability(prompt + one);
    double rewardTwo = reward.probability(prompt + two);
    if (data::Random(sampling.seed, "bradley-terry", first).uniform() < oneWins)
      pairs.push_back({{prompt, one, two}, rewardOne, rewardTwo});
    else
      pairs.push_back({{prompt, two, one}, rewardTwo, rewardOne});
  }
  return pairs;
}

} // namespace disco::trainer
