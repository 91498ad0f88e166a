// Index arithmetic of the packed layout.
#include "trainer/TokenBatch.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

namespace disco::trainer {
namespace {

at::Tensor toTensor(const std::vector<int64_t> &values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kLong);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor;
}

struct Lexicographic {
  bool operator()(std::span<const int32_t> a, std::span<const int32_t> b) const {
    return std::ranges::lexicographical_compare(a, b);
  }
};

} // namespace

TokenBatch::TokenBatch(std::span<const Sequence *const> list)
    : sequences(static_cast<int64_t>(list.size())) {
  for (const Sequence *item : list)
    longest = std::max(longest, static_cast<int64_t>(item->tokens.size()) - 1);
  std::vector<int64_t> tokens, positions, rows, labels, owners, source, place, scoredPlace;
  std::map<std::span<const int32_t>, int64_t, Lexicographic>
      contexts; // to the row of the first token
  for (int64_t b = 0; b < sequences; ++b) {
    const Sequence &item = *list[b];
    int64_t fed = static_cast<int64_t>(item.tokens.size()) - 1;
    int64_t contextLength = std::min(item.scoredFrom, fed);
    auto [known, fresh] = contexts.try_emplace(std::span(item.tokens).first(contextLength),
                                               static_cast<int64_t>(tokens.size()));
    for (int64_t t = 0; t < fed; ++t) {
      int64_t row = known->second + t;
      if (t >= contextLength || fresh) {
        row = static_cast<int64_t>(tokens.size());
        tokens.push_back(item.tokens[t]);
        positions.push_back(t);
        place.push_back(b * longest + t);
      }
      if (t + 1 >= item.scoredFrom) {
        rows.push_back(row);
        labels.push_back(item.tokens[t + 1]);
        owners.push_back(b);
        scoredPlace.push_back(b * longest + t);
      }
      source.push_back(row);
    }
    source.resize((b + 1) * longest, source.back());
  }
  tokens_N = toTensor(tokens);
  positions_N = toTensor(positions);
  rows_M = toTensor(rows);
  labels_M = toTensor(labels);
  sequence_M = toTensor(owners);
  source_P = toTensor(source);
  place_N = toTensor(place);
  scoredPlace_M = toTensor(scoredPlace);
}

at::Tensor TokenBatch::pad(const at::Tensor &packed_NC) const {
  return packed_NC.index_select(0, source_P).view({sequences, longest, packed_NC.size(1)});
}

at::Tensor TokenBatch::unpad(const at::Tensor &padded_BTC, Rows rows) const {
  return padded_BTC.reshape({sequences * longest, padded_BTC.size(2)})
      .index_select(0, rows == Rows::All ? place_N : scoredPlace_M);
}

at::Tensor TokenBatch::padBackward(const at::Tensor &gradient_BTC) const {
  int64_t width = gradient_BTC.size(2);
  at::Tensor sum = at::zeros({tokens_N.numel(), width}, gradient_BTC.options());
  addRows(sum, source_P, gradient_BTC.reshape({sequences * longest, width}));
  return sum;
}

at::Tensor TokenBatch::unpadBackward(const at::Tensor &gradient_RC, Rows rows) const {
  int64_t width = gradient_RC.size(1);
  at::Tensor padded = at::zeros({sequences * longest, width}, gradient_RC.options());
  // No place occurs twice.
  padded.index_copy_(0, rows == Rows::All ? place_N : scoredPlace_M, gradient_RC);
  return padded.view({sequences, longest, width});
}

void addRows(at::Tensor &sum, const at::Tensor &index, const at::Tensor &rows) {
  int64_t width = sum.size(1);
  at::Tensor from = rows.contiguous();
  const int64_t *targets = index.const_data_ptr<int64_t>();
  const float *values = from.const_data_ptr<float>();
  float *sums = sum.mutable_data_ptr<float>();
  for (int64_t i = 0; i < index.numel(); ++i)
    for (int64_t c = 0; c < width; ++c)
      sums[targets[i] * width + c] += values[i * width + c];
}

} // namespace disco::trainer
