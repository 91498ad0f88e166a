// GPT-2 with its tensors: pre-layer-norm blocks, learned positions, head tied to the token
// embedding. Float32 on the CPU. Torch-aware code includes this; everybody else uses Model.h.
#pragma once

#include "trainer/Block.h"
#include "trainer/Model.h"
#include "trainer/TokenBatch.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace disco::trainer {

class Gpt2Model {
public:
  Gpt2Config config;
  at::Tensor wte_VD, wpe_PD, lnfWeight_D, lnfBias_D;
  std::vector<BlockParameters> blocks;

  /// Parameters of the given shape, uninitialised, as autograd leaves.
  explicit Gpt2Model(const Gpt2Config &config);

  /// Name (Hugging Face's, without `transformer.`) and tensor of every parameter, in a fixed order;
  /// the head has none of its own.
  std::vector<std::pair<std::string, at::Tensor>> named() const;

  /// Final hidden states of the scored positions after the last layer norm, [M, D]: what the head
  /// reads. Differentiable.
  at::Tensor hidden(const TokenBatch &batch) const;

  BlockShape blockShape() const { return {config.n_head, config.layer_norm_epsilon}; }
};

} // namespace disco::trainer
