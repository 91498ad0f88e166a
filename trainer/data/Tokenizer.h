// Byte-level BPE as GPT-2 has it: training, encoding, decoding, and Hugging Face's `tokenizer.json`
// both ways. Any byte string has an encoding. Only this one kind of tokenizer; other
// `tokenizer.json` files are refused with a reason.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace disco::data {

/// Immutable and cheap to copy (copies share the tables). encode() may be called from several
/// threads.
class Tokenizer {
public:
  /// Learns merges from the texts until the vocabulary has `vocabSize` entries: 256 bytes, the
  /// merges, and `<|endoftext|>` last. Ends early when no pair occurs twice. Ties go to the pair
  /// with the smaller ids, as in Hugging Face's trainer. vocabSize >= 257.
  static Tokenizer train(std::span<const std::string> texts, int vocabSize);

  /// Reads `tokenizer.json`: model BPE, ByteLevel pre-tokenizer with GPT-2's pattern, no
  /// normalizer, `<|endoftext|>` present.
  static Result<Tokenizer> load(const std::string &path);
  /// `place` names the text in errors.
  static Result<Tokenizer> fromJson(std::string_view json, const std::string &place);
  Result<void> save(const std::string &path) const;
  std::string toJson() const;

  /// Ids of the text; no special token is added, and none is recognised inside it (a text cannot
  /// smuggle one in).
  std::vector<int32_t> encode(std::string_view text) const;
  /// Text of the ids, leaving out `<|endoftext|>`; bytes that are not UTF-8 become U+FFFD, as in
  /// Hugging Face's decoder. Ids outside the vocabulary are a bug of the caller.
  std::string decode(std::span<const int32_t> ids) const;

  int vocabSize() const;
  /// Id of `<|endoftext|>`: ends a text, and starts one that has no prompt.
  int32_t endOfText() const;

private:
  struct Tables;
  explicit Tokenizer(std::shared_ptr<Tables> tables);
  std::shared_ptr<Tables> tables_;
};

/// Cuts text as GPT-2's pattern does, `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+|
/// ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, in linear time. Pieces join to the text. Bytes that are not
/// UTF-8 count as neither letter, number nor space.
std::vector<std::string_view> preTokenize(std::string_view text);

} // namespace disco::data
