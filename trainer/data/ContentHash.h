// SHA-256 (OpenSSL's), for naming content: task hashes, cache keys, checksums in files. Not a
// signature.
#pragma once

#include "dsl/support/Result.h"

#include <memory>
#include <string>
#include <string_view>

namespace disco::data {

/// Lower-case hexadecimal SHA-256, 64 characters.
std::string sha256Hex(std::string_view bytes);

/// SHA-256 over parts. Each part is preceded by its length, so ("ab","c") and ("a","bc") differ.
class ContentHash {
public:
  ContentHash();
  ContentHash(ContentHash &&) noexcept;
  ~ContentHash();
  ContentHash &add(std::string_view part);
  /// Reads the file; its content is the part.
  Result<void> addFile(const std::string &path);
  /// Ends the hash; call once.
  std::string hex();

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace disco::data
