// The head, the first of the trainer's three seams: hidden states to log-probabilities of whole
// sequences. The vocabulary-sized logits exist only inside this file, a chunk of rows at a time,
// and only for positions that count.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

namespace disco::trainer {

struct TokenBatch;

/// logps_B[b] = sum over the scored tokens t of sequence b of log softmax(hidden_t
/// weight^T)[label_t], in float32. hidden_ND and weight_VD are float32; which rows count, their
/// labels and their sequences are the batch's (its mask). Differentiable in hidden and weight.
at::Tensor sequenceLogps(const at::Tensor &hidden_ND, const at::Tensor &weight_VD,
                         const TokenBatch &batch);

/// Log-probability of each scored token, float32 [M]; no gradient.
at::Tensor tokenLogps(const at::Tensor &hidden_ND, const at::Tensor &weight_VD,
                      const TokenBatch &batch);

/// Exact divergences of the next-token distributions, summed over the M scored positions, in nats:
/// first KL(p || q), then KL(q || p). No gradient.
std::pair<double, double> tokenDivergences(const at::Tensor &pHidden_ND,
                                           const at::Tensor &pWeight_VD,
                                           const at::Tensor &qHidden_ND,
                                           const at::Tensor &qWeight_VD, const TokenBatch &batch);

} // namespace disco::trainer
