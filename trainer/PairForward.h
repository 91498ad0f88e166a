// Policy and reference on both completions of some pairs: what a step and an evaluation share.
#pragma once

#include "trainer/Gpt2Model.h"
#include "trainer/Head.h"
#include "trainer/PairSet.h"

#include <span>

namespace disco::trainer {

/// Values of the scored tokens of the pairs `indices` of a set, those of their chosen completions
/// end to end, then those of the rejected ones. Divergences only with a reference. Differentiable
/// in the policy's parameters when gradients are enabled.
TokenValues forwardPairs(const Gpt2Model &policy, const Gpt2Model *reference, const PairSet &set,
                         std::span<const size_t> indices);

} // namespace disco::trainer
