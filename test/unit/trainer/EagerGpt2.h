// GPT-2 in plain differentiable ATen calls, one sequence at a time: the oracle for the hand-written
// backward.
#pragma once

#include "trainer/Gpt2Model.h"

#include <ATen/ATen.h>

#include <cmath>

namespace disco::trainer {

/// Logits [T, V] of one sequence's fed tokens. `parameters` are in the order of Gpt2Model::named().
inline at::Tensor eagerLogits(const Gpt2Config &config, const std::vector<at::Tensor> &parameters,
                              const std::vector<int32_t> &tokens) {
  auto length = static_cast<int64_t>(tokens.size());
  at::Tensor ids = at::empty({length}, at::kLong);
  for (int64_t i = 0; i < length; ++i)
    ids[i] = tokens[static_cast<size_t>(i)];
  size_t next = 0;
  auto take = [&] { return parameters[next++]; };
  at::Tensor wte = take(), wpe = take();
  at::Tensor x = wte.index_select(0, ids) + wpe.slice(0, 0, length);
  auto norm = [&](const at::Tensor &v, const at::Tensor &weight, const at::Tensor &bias) {
    at::Tensor centred = v - v.mean(1, true);
    return centred / (centred.pow(2).mean(1, true) + config.layer_norm_epsilon).sqrt() * weight +
           bias;
  };
  int64_t d = config.n_embd, size = d / config.n_head;
  for (int64_t layer = 0; layer < config.n_layer; ++layer) {
    at::Tensor w1 = take(), b1 = take(), wa = take(), ba = take(), wp = take(), bp = take(),
               w2 = take(), b2 = take(), wf = take(), bf = take(), wo = take(), bo = take();
    at::Tensor qkv = norm(x, w1, b1).matmul(wa) + ba;
    std::vector<at::Tensor> heads;
    for (int64_t h = 0; h < config.n_head; ++h) {
      auto part = [&](int64_t which) {
        return qkv.slice(1, which * d + h * size, which * d + (h + 1) * size);
      };
      at::Tensor scores = part(0).matmul(part(1).t()) / std::sqrt(static_cast<double>(size));
      scores = scores.masked_fill(at::ones({length, length}, at::kBool).triu(1), -INFINITY);
      heads.push_back(scores.softmax(1).matmul(part(2)));
    }
    x = x + at::cat(heads, 1).matmul(wp) + bp;
    at::Tensor inner = norm(x, w2, b2).matmul(wf) + bf;
    at::Tensor active =
        0.5 * inner * (1 + (std::sqrt(2 / M_PI) * (inner + 0.044715 * inner.pow(3))).tanh());
    x = x + active.matmul(wo) + bo;
  }
  at::Tensor weight = take(), bias = take();
  return norm(x, weight, bias).matmul(wte.t());
}

/// Summed log-probability of a sequence's scored tokens.
inline at::Tensor eagerLogp(const Gpt2Config &config, const std::vector<at::Tensor> &parameters,
                            const Sequence &sequence) {
  std::vector<int32_t> fed(sequence.tokens.begin(), sequence.tokens.end() - 1);
  at::Tensor logp = eagerLogits(config, parameters, fed).log_softmax(1),
             sum = at::zeros({}, logp.options());
  for (auto t = sequence.scoredFrom; t < static_cast<int64_t>(sequence.tokens.size()); ++t)
    sum = sum + logp[t - 1][sequence.tokens[static_cast<size_t>(t)]];
  return sum;
}

} // namespace disco::trainer
