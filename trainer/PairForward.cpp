#include "trainer/PairForward.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

namespace disco::trainer {

TokenValues forwardPairs(const Gpt2Model &policy, const Gpt2Model *reference, const PairSet &set,
                         std::span<const size_t> indices) {
  std::vector<const Sequence *> sequences;
  for (size_t index : indices)
    sequences.push_back(&set.pairs[index].chosen);
  for (size_t index : indices)
    sequences.push_back(&set.pairs[index].rejected);
  TokenBatch batch(sequences);
  HeadInput p{policy.hidden(batch), policy.wte_VD};
  if (!reference)
    return tokenValues(p, batch);
  HeadInput q;
  {
    at::NoGradGuard noGrad;
    q = {reference->hidden(batch), reference->wte_VD.detach()};
  }
  return tokenValues(p, batch, &q);
}

} // namespace disco::trainer
