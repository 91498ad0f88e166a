// The head, the first of the trainer's three seams: hidden states to log-probabilities of whole
// sequences. The vocabulary-sized logits exist only inside this file, a chunk of rows at a time,
// and only for positions that count.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

namespace disco::trainer {

struct TokenBatch;

/// logps_B[b] = sum over the scored tokens t of sequence b of
/// log softmax(hidden_t weight^T)[label_t], float32. Labels, and the mask as the choice of the M
/// scored positions, are the batch's. Differentiable in hidden_MD and weight_VD, both float32.
at::Tensor sequenceLogps(const at::Tensor &hidden_MD, const at::Tensor &weight_VD,
                         const TokenBatch &batch);

/// Log-probability of each scored token, float32 [M]; no gradient.
at::Tensor tokenLogps(const at::Tensor &hidden_MD, const at::Tensor &weight_VD,
                      const TokenBatch &batch);

/// Exact divergences of the next-token distributions, summed over the M scored positions, in nats:
/// first KL(p || q), then KL(q || p). No gradient.
std::pair<double, double> tokenDivergences(const at::Tensor &pHidden_MD,
                                           const at::Tensor &pWeight_VD,
                                           const at::Tensor &qHidden_MD,
                                           const at::Tensor &qWeight_VD, const TokenBatch &batch);

} // namespace disco::trainer
