// Counter-based random numbers: Philox 4x32-10 of Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3" (SC 2011). The only source of randomness in Disco. A generator is named by (seed,
// stream, index), so a resumed or reordered run draws the same numbers without saving any state.
// Not for cryptography.
#pragma once

#include <array>
#include <cassert>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>
#include <utility>

namespace disco::data {

/// One block of Philox 4x32-10: 128 bits of counter and 64 bits of key to 128 random bits.
constexpr std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter,
                                             std::array<uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    uint64_t product0 = uint64_t{0xD2511F53} * counter[0];
    uint64_t product1 = uint64_t{0xCD9E8D57} * counter[2];
    counter = {uint32_t(product1 >> 32) ^ counter[1] ^ key[0], uint32_t(product1),
               uint32_t(product0 >> 32) ^ counter[3] ^ key[1], uint32_t(product0)};
    key[0] += 0x9E3779B9;
    key[1] += 0xBB67AE85;
  }
  return counter;
}

/// FNV-1a, 64 bits: names of streams and features to numbers. Stable across machines and versions.
constexpr uint64_t fnv1a(std::string_view text, uint64_t state = 0xCBF29CE484222325) {
  for (char c : text)
    state = (state ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  return state;
}

/// The numbers of one (seed, stream, index). Equal names give equal numbers, different names
/// independent ones. Use `index` for whatever is counted (step, sample, slot): Random(seed,
/// "sampling", 17).
class Random {
public:
  explicit Random(uint64_t seed, std::string_view stream = {}, uint64_t index = 0) : index_(index) {
    // The key is itself a Philox output, so that close seeds and close names give unrelated keys.
    uint64_t name = fnv1a(stream);
    auto mixed = philox4x32({uint32_t(name), uint32_t(name >> 32), 0, 0},
                            {uint32_t(seed), uint32_t(seed >> 32)});
    key_ = {mixed[0], mixed[1]};
  }

  /// 32 uniform bits.
  uint32_t next32() {
    if (used_ == 4) {
      block_ = philox4x32(
          {uint32_t(blocks_), uint32_t(blocks_ >> 32), uint32_t(index_), uint32_t(index_ >> 32)},
          key_);
      ++blocks_;
      used_ = 0;
    }
    return block_[used_++];
  }
  /// 64 uniform bits.
  uint64_t next64() {
    uint64_t low = next32();
    return low | uint64_t{next32()} << 32;
  }

  /// Uniform in [0, 1), a multiple of 2^-53.
  double uniform() { return double(next64() >> 11) * 0x1p-53; }

  /// Standard normal (Box-Muller, one of the two values; costs two uniforms).
  double normal() {
    double radius = std::sqrt(-2 * std::log1p(-uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }

  /// Uniform integer in [0, n), exactly (rejection of the uneven rest). n > 0.
  uint64_t below(uint64_t n) {
    assert(n > 0 && "below(0) has no value");
    uint64_t uneven = (0 - n) % n; // 2^64 mod n
    uint64_t bits = next64();
    while (bits < uneven)
      bits = next64();
    return bits % n;
  }

  /// Index i with probability weights[i] / sum; weights are finite, >= 0 and not all 0.
  template <typename Real> size_t categorical(std::span<const Real> weights) {
    double total = 0;
    for (Real weight : weights)
      total += weight;
    assert(total > 0 && "categorical needs a positive weight");
    double left = uniform() * total;
    size_t last = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      if (!(weights[i] > 0))
        continue;
      last = i; // rounding may leave `left` above 0 at the end
      left -= weights[i];
      if (left < 0)
        break;
    }
    return last;
  }

  /// Fisher-Yates; every order equally likely.
  template <typename T> void shuffle(std::span<T> items) {
    for (size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[below(i)]);
  }

private:
  std::array<uint32_t, 2> key_{};
  std::array<uint32_t, 4> block_{};
  uint64_t index_ = 0, blocks_ = 0;
  int used_ = 4;
};

} // namespace disco::data
