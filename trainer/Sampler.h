// Drawing completions from a model, many at a time, with cached keys and values.
#pragma once

#include "trainer/Model.h"

#include <cstdint>
#include <span>
#include <vector>

namespace disco::trainer {

/// One completion to draw. (stream, sample) names its random numbers, so what is drawn does not
/// depend on what else is drawn.
struct SampleRequest {
  std::vector<int32_t> prompt; // may be empty: then the model is started with its end-of-text token
  uint64_t stream = 0;         // of the prompt, e.g. its id
  uint64_t sample = 0;         // which of several completions of the prompt
};

struct SampleOptions {
  uint64_t seed = 0;
  int maxNewTokens = 32;
  double temperature = 1; // > 0
};

/// Completions in the order of the requests, each at least one token and at most maxNewTokens; the
/// end-of-text token that ended one is kept as its last token. A prompt too long to leave room for
/// maxNewTokens loses its beginning.
std::vector<std::vector<int32_t>> sampleCompletions(const Gpt2Model &model,
                                                    std::span<const SampleRequest> requests,
                                                    const SampleOptions &options);

} // namespace disco::trainer
