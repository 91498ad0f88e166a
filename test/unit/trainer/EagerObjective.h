// Objectives over whole optimiser steps in eager autograd and double, from the logits of
// EagerGpt2.h up: the oracle for what the trainer feeds an objective and does with its gradient.
#pragma once

#include "EagerGpt2.h"
#include "trainer/PairSet.h"

namespace disco::trainer {

/// One completion under policy and reference, over its scored tokens.
struct EagerCompletion {
  at::Tensor policy_T, reference_T, kl_T, index_T;
  at::Tensor ratio() const { return policy_T.sum() - reference_T.sum(); }
};

struct EagerPair {
  EagerCompletion chosen, rejected;
  double weight = 1; // the column of that name
  at::Tensor margin() const { return chosen.ratio() - rejected.ratio(); }
};

inline EagerCompletion eagerCompletion(const Gpt2Config &config,
                                       const std::vector<at::Tensor> &policy,
                                       const std::vector<at::Tensor> &reference,
                                       const Sequence &sequence) {
  std::vector<int32_t> fed(sequence.tokens.begin(), sequence.tokens.end() - 1);
  auto length = sequence.scoredLength();
  at::Tensor labels_T = at::empty({length}, at::kLong);
  for (int64_t t = 0; t < length; ++t)
    labels_T[t] = sequence.tokens[static_cast<size_t>(sequence.scoredFrom + t)];
  auto logps_TV = [&](const std::vector<at::Tensor> &parameters) {
    return eagerLogits(config, parameters, fed).log_softmax(1).slice(0, sequence.scoredFrom - 1);
  };
  auto pick = [&](const at::Tensor &values_TV) {
    return values_TV.gather(1, labels_T.unsqueeze(1)).squeeze(1);
  };
  at::Tensor p_TV = logps_TV(policy), q_TV = logps_TV(reference).detach();
  return {pick(p_TV), pick(q_TV), (q_TV.exp() * (q_TV - p_TV)).sum(1),
          at::arange(length, at::kDouble)};
}

/// Applies `value` to each pair, [pairs].
template <typename Value>
at::Tensor perPair(const std::vector<EagerPair> &pairs, const Value &value) {
  std::vector<at::Tensor> values;
  for (const EagerPair &pair : pairs)
    values.push_back(value(pair));
  return at::stack(values);
}
inline at::Tensor margins(const std::vector<EagerPair> &pairs) {
  return perPair(pairs, [](const EagerPair &pair) { return pair.margin(); });
}

} // namespace disco::trainer
