// Token sequences laid end to end, without padding: what the model and the head run on. N is the
// number of fed tokens of all B sequences, M the number of them whose next token is scored.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

namespace disco::trainer {

/// One sequence and where its scored part begins: tokens[scoredFrom..] are labels, everything
/// before is only context.
struct Sequence {
  std::vector<int32_t> tokens; // at least 2
  int64_t scoredFrom = 1;      // in [1, tokens.size())
  int64_t scoredLength() const { return static_cast<int64_t>(tokens.size()) - scoredFrom; }
};

struct TokenBatch {
  int64_t sequences = 0; // B
  int64_t longest = 0;   // T, the most tokens fed for one sequence
  bool uniform =
      false; // every sequence feeds `longest` tokens: then packed and padded layout are the same
  at::Tensor tokens_N; // int64; the last token of a sequence is never fed, for it predicts nothing
  at::Tensor positions_N; // int64, from 0 in each sequence
  at::Tensor padded_N;    // int64, row of each token in the padded layout [B * T]
  at::Tensor rows_M;      // int64 into N: positions that predict a scored token
  at::Tensor labels_M;    // int64: the token each of them predicts
  at::Tensor sequence_M;  // int64 into B: whose token it is

  explicit TokenBatch(std::span<const Sequence *const> sequences);

  /// [N, C] to [B, T, C], zeros in the padding, and back.
  at::Tensor pad(const at::Tensor &packed_NC) const;
  at::Tensor unpad(const at::Tensor &padded_BTC) const;
};

} // namespace disco::trainer
