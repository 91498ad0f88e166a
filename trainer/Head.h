// The head, the first of the trainer's three seams: hidden states to the log-probability of each
// scored token, and where an objective asks for it to its divergence from the reference. The
// vocabulary-sized logits exist only inside this file, a chunk of rows at a time, and only for
// positions that count.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>

namespace disco::trainer {

struct TokenBatch;

/// A model as the head sees it: hidden states of the scored positions and the embedding of the
/// vocabulary, both float32.
struct HeadInput {
  at::Tensor hidden_MD, weight_VD;
};

struct TokenValues {
  at::Tensor logps_M; // log softmax(hidden_t weight^T)[label_t], nats
  /// KL(reference || policy) at each position, sum over the vocabulary of q (log q - log p) with q
  /// the reference's distribution and p the policy's, nats; undefined without a reference.
  at::Tensor kl_M;
};

/// Float32 [M] each. Labels, and the mask as the choice of the M scored positions, are the batch's.
/// Differentiable in the policy's tensors, not in the reference's.
TokenValues tokenValues(const HeadInput &policy, const TokenBatch &batch,
                        const HeadInput *reference = nullptr);

/// Sums of the log-probabilities over the scored tokens of each sequence, float32 [B];
/// differentiable.
at::Tensor sequenceLogps(const at::Tensor &hidden_MD, const at::Tensor &weight_VD,
                         const TokenBatch &batch);

/// Exact divergences of the next-token distributions, summed over the M scored positions, in nats:
/// first KL(p || q), then KL(q || p). No gradient.
std::pair<double, double> tokenDivergences(const at::Tensor &pHidden_MD,
                                           const at::Tensor &pWeight_VD,
                                           const at::Tensor &qHidden_MD,
                                           const at::Tensor &qWeight_VD, const TokenBatch &batch);

} // namespace disco::trainer
