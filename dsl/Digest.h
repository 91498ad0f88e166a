// A 128-bit digest of a sequence of integers: two lanes of a multiply-xorshift mixer (the finaliser
// of SplitMix64) with different constants. Fixed for good, since hashes are stored. Not
// cryptographic: it tells programs apart, not adversaries.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace disco::dsl {

struct Digest {
  uint64_t high = 0x243f6a8885a308d3; // the first digits of pi
  uint64_t low = 0x13198a2e03707344;

  Digest &add(uint64_t value) {
    high = mix(high ^ value) + 0x9e3779b97f4a7c15;
    low = mix(low + value * 0xd1342543de82ef95) ^ high;
    return *this;
  }
  Digest &add(const Digest &other) { return add(other.high).add(other.low); }

  /// 32 hexadecimal digits.
  std::string text() const {
    std::string out;
    for (uint64_t half : {high, low})
      for (int shift = 60; shift >= 0; shift -= 4)
        out += "0123456789abcdef"[half >> shift & 15];
    return out;
  }

  friend auto operator<=>(const Digest &, const Digest &) = default;

private:
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
};

} // namespace disco::dsl
