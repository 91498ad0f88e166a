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

/// Which rows a result has: all N fed tokens, or the M that predict a scored token.
enum class Rows : uint8_t { All, Scored };

/// Sequences with the same context (prompt) share its tokens: causal attention makes their states
/// equal, so they are computed once.
struct TokenBatch {
  int64_t sequences = 0;  // B
  int64_t longest = 0;    // T, the most tokens fed for one sequence
  at::Tensor tokens_N;    // int64; the last token of a sequence is never fed, it predicts nothing
  at::Tensor positions_N; // int64, from 0 in each sequence
  at::Tensor rows_M;      // int64 into N: positions that predict a scored token; a shared one may
                          // occur several times
  at::Tensor labels_M;    // int64: the token each of them predicts
  at::Tensor sequence_M;  // int64 into B: whose token it is

  explicit TokenBatch(std::span<const Sequence *const> sequences);

  /// The layout of attention: each sequence on its own, with its context, [N, C] to [B, T, C]. The
  /// padding repeats a sequence's last token; causality hides it from the tokens before.
  at::Tensor pad(const at::Tensor &packed_NC) const;
  /// Out of the padded layout, [B, T, C] to [N, C] or [M, C].
  at::Tensor unpad(const at::Tensor &padded_BTC, Rows rows) const;
  /// The adjoints of both: copies are summed, what was left out is 0.
  at::Tensor padBackward(const at::Tensor &gradient_BTC) const;
  at::Tensor unpadBackward(const at::Tensor &gradient_RC, Rows rows) const;

private:
  at::Tensor source_P;      // int64 into N: the token at each of the P = B T padded places
  at::Tensor place_N;       // int64 into P: one place of each token
  at::Tensor scoredPlace_M; // int64 into P: the place of each scored position in its own sequence
};

/// sum[index[i], :] += rows[i, :] for all i, float32; an index may occur several times.
void addRows(at::Tensor &sum, const at::Tensor &index, const at::Tensor &rows);

} // namespace disco::trainer
