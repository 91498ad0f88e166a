// Text from outside, made fit for a terminal.
#pragma once

#include <string>
#include <string_view>

namespace disco {

/// Printable ASCII as it is and any other byte as `\xNN`, so that nothing moves the cursor, colours
/// or reorders what is read. A line break stays where `lines` says that the text may have several.
inline std::string printable(std::string_view text, bool lines = false) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= 0x20 && byte < 0x7f) || (lines && c == '\n'))
      out += c;
    else
      out += {'\\', 'x', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

} // namespace disco
