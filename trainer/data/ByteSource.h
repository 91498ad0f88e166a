// The bytes of a file, decompressed by its last extension: .gz (zlib), .zst (zstd), .xz (liblzma),
// anything else as it is. Streaming, for files that do not fit in memory. Private to this folder:
// LineReader sets the limits.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace disco::data {

/// Turns compressed bytes into plain ones.
class Decoder {
public:
  virtual ~Decoder() = default;
  /// Takes from the front of `input` and fills `output` from its front; returns the bytes written.
  /// `last` says that no input follows. Errors say what is wrong with the stream.
  virtual Result<size_t> decode(std::span<const unsigned char> &input, bool last,
                                std::span<unsigned char> output) = 0;
  /// True between streams: the file may end here.
  virtual bool complete() const = 0;
};

class ByteSource {
public:
  static Result<std::unique_ptr<ByteSource>> open(const std::string &path);
  ~ByteSource();

  /// Fills `output` from its front; 0 at the end. Errors name the path.
  Result<size_t> read(std::span<unsigned char> output);
  /// Bytes of the file used so far.
  uint64_t consumed() const { return consumed_; }

private:
  ByteSource(std::string path, int descriptor, std::unique_ptr<Decoder> decoder);
  Result<void> refill();

  std::string path_;
  int descriptor_;
  std::unique_ptr<Decoder> decoder_; // null: the bytes are plain
  std::vector<unsigned char> buffer_;
  std::span<const unsigned char> input_; // what is left of buffer_
  bool ended_ = false;
  uint64_t consumed_ = 0;
};

} // namespace disco::data
