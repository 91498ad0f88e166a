// Numbers as text, the same in every locale.
#pragma once

#include <charconv>
#include <string>

namespace disco {

/// The shortest decimal that reads back as the same double.
inline std::string formatNumber(double value) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

} // namespace disco
