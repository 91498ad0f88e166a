// What the texts of a signature look like, for everything that reads one from elsewhere.
#pragma once

#include <cstddef>
#include <string_view>

namespace disco::runtime {

/// An identifier of the language has at most 64 letters, and objectives that use each other put at
/// most 17 of them in a row.
constexpr size_t kMostName = 17 * 65;

/// More names than any list of a signature has.
constexpr size_t kMostNames = 256;

/// 32 hexadecimal digits (dsl::Digest::text).
inline bool isCodeHash(std::string_view text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Identifiers joined by dots: `lrml.modulation` is a metric of an objective that is used. No path
/// is one.
inline bool isSignatureName(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (name.size() > kMostName)
    return false;
  bool begins = true; // an identifier
  for (char c : name) {
    if (begins ? !letter(c) : !letter(c) && !digit(c) && c != '.')
      return false;
    begins = c == '.';
  }
  return !begins;
}

} // namespace disco::runtime
