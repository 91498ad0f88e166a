// What a Tokenizer is made of. Private to this folder: training and `tokenizer.json` build it,
// Tokenizer.cpp uses it.
#pragma once

#include "trainer/data/Tokenizer.h"

#include <array>
#include <shared_mutex>
#include <unordered_map>
#include <utility>

namespace disco::data {

inline constexpr std::string_view kEndOfText = "<|endoftext|>";

/// One number for two neighbouring tokens; orders pairs by left, then right id.
inline uint64_t pairKey(int32_t left, int32_t right) {
  return uint64_t{uint32_t(left)} << 32 | uint32_t(right);
}

struct TokenizerMerge {
  int32_t rank = 0, result = 0;
};
/// By pairKey(left, right).
using TokenizerMerges = std::unordered_map<uint64_t, TokenizerMerge>;

struct Tokenizer::Tables {
  std::vector<std::string> tokens;                    // bytes by id; kEndOfText for endOfText
  std::array<int32_t, 256> byteIds{};                 // id of each single byte
  std::vector<std::pair<int32_t, int32_t>> mergeList; // by rank: lower ranks merge first
  TokenizerMerges merges;
  int32_t endOfText = -1;

  // Words repeat, so most encodings are looked up. Bounded in entries and in the length of a word.
  std::shared_mutex cacheMutex;
  std::unordered_map<std::string, std::vector<int32_t>> cache;

  void addMerge(int32_t left, int32_t right, int32_t result) {
    merges.try_emplace(pairKey(left, right), TokenizerMerge{int32_t(mergeList.size()), result});
    mergeList.emplace_back(left, right);
  }
};

/// GPT-2's printable stand-ins for bytes, as code points: itself for the printable bytes of
/// Latin-1, U+0100 and up for the rest.
std::array<char32_t, 256> byteSymbols();

} // namespace disco::data
