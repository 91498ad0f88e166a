// All sequences of a chunk advance in step from position 0: while a sequence is inside its prompt,
// the next token is given instead of drawn. So no padding mask is needed, and prompts of different
// lengths share a batch.
#include "trainer/Sampler.h"

#include "trainer/Gpt2Model.h"
#include "trainer/data/Random.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>

namespace disco::trainer {
namespace {

constexpr size_t kChunk = 256; // sequences advanced together; bounds the cache of keys and values

/// Index drawn from a distribution by inversion, with the uniform number u in [0, 1).
int32_t draw(const float *probabilities, int64_t count, double u) {
  int64_t last = 0;
  for (int64_t v = 0; v < count; ++v) {
    if (!(probabilities[v] > 0))
      continue;
    last = v; // rounding may leave a rest of u at the end
    u -= probabilities[v];
    if (u < 0)
      break;
  }
  return static_cast<int32_t>(last);
}

/// Keys and values of one layer, [B, H, T, d].
struct LayerCache {
  at::Tensor keys, values;
};

/// Hidden states [B, D] of the tokens at `position`, appending to the caches.
at::Tensor advance(const Gpt2Model &model, const at::Tensor &tokens_B, int64_t position,
                   std::vector<LayerCache> &caches) {
  int64_t batch = tokens_B.size(0), heads = model.config.n_head;
  at::Tensor x_BD = at::embedding(model.wte_VD, tokens_B) + model.wpe_PD[position];
  for (size_t i = 0; i < model.blocks.size(); ++i) {
    at::Tensor qkv =
        blockQkv(x_BD, model.blocks[i], model.blockShape()).view({batch, 3, heads, 1, -1});
    caches[i].keys.select(2, position).copy_(qkv.select(1, 1).squeeze(2));
    caches[i].values.select(2, position).copy_(qkv.select(1, 2).squeeze(2));
    auto [attention, logsumexp] = at::_scaled_dot_product_flash_attention_for_cpu(
        qkv.select(1, 0), caches[i].keys.narrow(2, 0, position + 1),
        caches[i].values.narrow(2, 0, position + 1));
    x_BD = blockAfterAttention(x_BD, attention.reshape({batch, -1}), model.blocks[i],
                               model.blockShape());
  }
  return at::layer_norm(x_BD, {model.config.n_embd}, model.lnfWeight_D, model.lnfBias_D,
                        model.config.layer_norm_epsilon);
}

void sampleChunk(const Gpt2Model &model, std::span<const SampleRequest> requests,
                 const SampleOptions &options, std::span<std::vector<int32_t>> completions) {
  const Gpt2Config &config = model.config;
  auto batch = static_cast<int64_t>(requests.size());
  int64_t room = std::max<int64_t>(1, config.n_positions + 1 - options.maxNewTokens);
  std::vector<std::vector<int32_t>> prompts;
  std::vector<data::Random> randoms;
  size_t longest = 0, shortest = SIZE_MAX;
  for (const SampleRequest &request : requests) {
    std::vector<int32_t> prompt = request.prompt;
    if (prompt.empty())
      prompt.push_back(static_cast<int32_t>(config.eos_token_id));
    if (static_cast<int64_t>(prompt.size()) > room)
      prompt.erase(prompt.begin(), prompt.end() - room);
    longest = std::max(longest, prompt.size());
    shortest = std::min(shortest, prompt.size());
    prompts.push_back(std::move(prompt));
    randoms.emplace_back(options.seed, "sample/" + std::to_string(request.stream), request.sample);
  }
  int64_t positions = std::min<int64_t>(config.n_positions,
                                        static_cast<int64_t>(longest) + options.maxNewTokens - 1);
  std::vector<LayerCache> caches;
  for (int64_t i = 0; i < config.n_layer; ++i) {
    std::array<int64_t, 4> shape{batch, config.n_head, positions, config.n_embd / config.n_head};
    caches.push_back({at::empty(shape, at::kFloat), at::empty(shape, at::kFloat)});
  }

  at::Tensor tokens_B = at::empty({batch}, at::kLong);
  int64_t *tokens = tokens_B.mutable_data_ptr<int64_t>();
  std::vector<bool> ended(requests.size(), false);
  size_t left = requests.size();
  for (int64_t position = 0; position < positions && left > 0; ++position) {
    for (size_t b = 0; b < requests.size(); ++b) {
      auto at = static_cast<size_t>(position);
      size_t drawn = at - std::min(at, prompts[b].size());
      tokens[b] = at < prompts[b].size() ? prompts[b][at]
                  : drawn < completions[b].size()
                      ? completions[b][drawn]
                      : config.eos_token_id; // ended; its row is ignored
    }
    at::Tensor hidden_BD = advance(model, tokens_B, position, caches);
    if (position + 1 < static_cast<int64_t>(shortest))
      continue; // every sequence is still inside its prompt
    at::Tensor distribution_BV =
        at::softmax(hidden_BD.mm(model.wte_VD.t()).div_(options.temperature), 1);
    const float *distribution = distribution_BV.const_data_ptr<float>();
    for (size_t b = 0; b < requests.size(); ++b) {
      if (ended[b] || position + 1 < static_cast<int64_t>(prompts[b].size()))
        continue;
      int32_t token = draw(distribution + static_cast<int64_t>(b) * config.vocab_size,
                           config.vocab_size, randoms[b].uniform());
      completions[b].push_back(token);
      if (token == config.eos_token_id ||
          static_cast<int>(completions[b].size()) == options.maxNewTokens) {
        ended[b] = true;
        --left;
      }
    }
  }
}

} // namespace

std::vector<std::vector<int32_t>> sampleCompletions(const Gpt2Model &model,
                                                    std::span<const SampleRequest> requests,
                                                    const SampleOptions &options) {
  at::NoGradGuard noGrad;
  std::vector<std::vector<int32_t>> completions(requests.size());
  for (size_t from = 0; from < requests.size(); from += kChunk) {
    size_t count = std::min(kChunk, requests.size() - from);
    sampleChunk(model, requests.subspan(from, count), options,
                std::span(completions).subspan(from, count));
  }
  return completions;
}

} // namespace disco::trainer
