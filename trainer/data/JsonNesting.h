// How deep a JSON text is, counted before anything parses it: a limit then holds whatever a parser,
// or what frees its result, does with depth.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace disco::data {

/// Deepest nesting of [ and { outside strings; never less than a parser meets.
inline size_t jsonNesting(std::string_view text) {
  size_t depth = 0, deepest = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inString) {
      i += c == '\\'; // and what it escapes
      inString = c != '"';
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return deepest;
}

} // namespace disco::data
