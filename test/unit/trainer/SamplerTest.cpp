// What is drawn depends on the request alone, not on what else is drawn beside it.
#include "trainer/Sampler.h"
#include "EagerGpt2.h"
#include "Fixtures.h"

#include <gtest/gtest.h>

namespace disco::trainer {
namespace {

std::vector<SampleRequest> requests() {
  data::Random random(9, "requests");
  std::vector<SampleRequest> list;
  for (uint64_t i = 0; i < 12; ++i)
    list.push_back({randomSequence(random, 1 + random.below(6), 1).tokens, i / 3, i % 3});
  return list;
}

TEST(Sampler, ACompletionDoesNotDependOnItsCompany) {
  ModelPtr model = createModel(smallConfig(), 7);
  auto list = requests();
  SampleOptions options{.seed = 1, .maxNewTokens = 10};
  auto together = sampleCompletions(*model, list, options);
  for (size_t i = 0; i < list.size(); ++i)
    EXPECT_EQ(sampleCompletions(*model, std::span(&list[i], 1), options)[0], together[i]) << i;
}

TEST(Sampler, CompletionsEndAtTheLimitOrAtTheFirstEndOfText) {
  ModelPtr model = createModel(smallConfig(), 7);
  auto list = requests();
  for (const auto &completion : sampleCompletions(*model, list, {.seed = 2, .maxNewTokens = 10})) {
    ASSERT_FALSE(completion.empty());
    auto end = std::find(completion.begin(), completion.end(), 36);
    if (end == completion.end())
      EXPECT_EQ(completion.size(), 10u);
    else
      EXPECT_EQ(end + 1, completion.end());
  }
}

TEST(Sampler, AlmostColdSamplingTakesTheMostLikelyTokens) {
  ModelPtr model = createModel(smallConfig(), 7);
  std::vector<at::Tensor> parameters;
  for (auto &[name, tensor] : model->named())
    parameters.push_back(tensor.detach());
  SampleRequest request{{3, 1, 4}, 0, 0};
  auto completion = sampleCompletions(*model, std::span(&request, 1),
                                      {.seed = 3, .maxNewTokens = 8, .temperature = 1e-4})[0];
  std::vector<int32_t> tokens = request.prompt;
  for (int32_t token : completion) {
    at::Tensor logits = eagerLogits(model->config, parameters, tokens)[-1];
    EXPECT_NEAR(logits[token].item<float>(), logits.max().item<float>(), 1e-3);
    tokens.push_back(token);
  }
}

TEST(Sampler, FrequenciesFollowTheModel) {
  ModelPtr model = createModel(smallConfig(), 7);
  std::vector<at::Tensor> parameters;
  for (auto &[name, tensor] : model->named())
    parameters.push_back(tensor.detach());
  std::vector<SampleRequest> list;
  for (uint64_t i = 0; i < 4000; ++i)
    list.push_back({{5, 6}, 0, i});
  std::vector<double> counts(37, 0.0);
  for (const auto &completion : sampleCompletions(*model, list, {.seed = 4, .maxNewTokens = 1}))
    ++counts[static_cast<size_t>(completion[0])];
  at::Tensor expected = eagerLogits(model->config, parameters, {5, 6})[-1].softmax(0);
  for (int64_t v = 0; v < 37; ++v) {
    double p = expected[v].item<float>();
    // Five standard deviations of a binomial count.
    EXPECT_NEAR(counts[static_cast<size_t>(v)] / 4000, p, 5 * std::sqrt(p * (1 - p) / 4000) + 1e-4)
        << v;
  }
}

} // namespace
} // namespace disco::trainer
