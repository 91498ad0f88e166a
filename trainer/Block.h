// One transformer block (pre-layer-norm attention and MLP) as one node of torch's autograd: forward
// and backward are written side by side in ATen calls, so that a step costs a few nodes instead of
// hundreds and nothing is computed for padding.
#pragma once

#include "trainer/TokenBatch.h"

#include <ATen/core/Tensor.h>

#include <array>

namespace disco::trainer {

/// The tensors of one block, in the order of kBlockTensors. Linear weights are [in, out] as in
/// GPT-2's checkpoints: y = x W + b.
constexpr std::array kBlockTensors = {
    "ln_1.weight",        "ln_1.bias",        "attn.c_attn.weight", "attn.c_attn.bias",
    "attn.c_proj.weight", "attn.c_proj.bias", "ln_2.weight",        "ln_2.bias",
    "mlp.c_fc.weight",    "mlp.c_fc.bias",    "mlp.c_proj.weight",  "mlp.c_proj.bias"};

struct BlockParameters {
  at::Tensor ln1Weight_D, ln1Bias_D;
  at::Tensor attnWeight_DE, attnBias_E; // E = 3 D: query, key, value
  at::Tensor projWeight_DD, projBias_D;
  at::Tensor ln2Weight_D, ln2Bias_D;
  at::Tensor fcWeight_DF, fcBias_F; // F = 4 D
  at::Tensor outWeight_FD, outBias_D;

  /// In the order of kBlockTensors.
  std::array<at::Tensor *, kBlockTensors.size()> all();
};

struct BlockShape {
  int64_t heads = 1;
  double epsilon = 1e-5;
};

/// x_ND to [N, D], or to [M, D] for Rows::Scored: after attention, which needs all tokens, the last
/// block goes on only where something is predicted. Records one autograd node when gradients are
/// enabled.
at::Tensor applyBlock(const at::Tensor &x_ND, const BlockParameters &parameters,
                      const BlockShape &shape, const TokenBatch &batch, Rows rows);

/// The part of a block before attention (layer norm and projection to [N, 3 D]) and the part after
/// it, for code that does its own attention, such as sampling with cached keys and values.
at::Tensor blockQkv(const at::Tensor &x_ND, const BlockParameters &parameters,
                    const BlockShape &shape);
at::Tensor blockAfterAttention(const at::Tensor &x_ND, const at::Tensor &attention_ND,
                               const BlockParameters &parameters, const BlockShape &shape);

} // namespace disco::trainer
