// Numbers as text, the same in every locale.
#pragma once

#include <charconv>
#include <cmath>
#include <limits>
#include <string>

namespace disco {

/// The shortest decimal that reads back as the same double.
inline std::string formatNumber(double value) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr};
}

/// Whether a number may stand in a program: 0 or a normal number of float32.
inline bool isFloat32Number(double value) {
  return std::isfinite(float(value)) &&
         (value == 0 || std::fabs(value) >= double(std::numeric_limits<float>::min()));
}

} // namespace disco
