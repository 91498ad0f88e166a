// Index arithmetic of the packed layout.
#include "trainer/TokenBatch.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace disco::trainer {
namespace {

at::Tensor toTensor(const std::vector<int64_t> &values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor;
}

} // namespace

TokenBatch::TokenBatch(std::span<const Sequence *const> list)
    : sequences(static_cast<int64_t>(list.size())), uniform(true) {
  for (const Sequence *item : list)
    longest = std::max(longest, static_cast<int64_t>(item->tokens.size()) - 1);
  std::vector<int64_t> tokens, positions, padded, rows, labels, owners;
  for (int64_t b = 0; b < sequences; ++b) {
    const Sequence &item = *list[b];
    int64_t fed = static_cast<int64_t>(item.tokens.size()) - 1;
    uniform &= fed == longest;
    for (int64_t t = 0; t < fed; ++t) {
      if (t + 1 >= item.scoredFrom) {
        rows.push_back(static_cast<int64_t>(tokens.size()));
        labels.push_back(item.tokens[t + 1]);
        owners.push_back(b);
      }
      tokens.push_back(item.tokens[t]);
      positions.push_back(t);
      padded.push_back(b * longest + t);
    }
  }
  tokens_N = toTensor(tokens);
  positions_N = toTensor(positions);
  padded_N = toTensor(padded);
  rows_M = toTensor(rows);
  labels_M = toTensor(labels);
  sequence_M = toTensor(owners);
}

at::Tensor TokenBatch::pad(const at::Tensor &packed_NC) const {
  int64_t width = packed_NC.size(1);
  if (uniform)
    return packed_NC.view({sequences, longest, width});
  at::Tensor padded = at::zeros({sequences * longest, width}, packed_NC.options());
  padded.index_copy_(0, padded_N, packed_NC);
  return padded.view({sequences, longest, width});
}

at::Tensor TokenBatch::unpad(const at::Tensor &padded_BTC) const {
  at::Tensor flat = padded_BTC.reshape({sequences * longest, padded_BTC.size(2)});
  return uniform ? flat : flat.index_select(0, padded_N);
}

} // namespace disco::trainer
