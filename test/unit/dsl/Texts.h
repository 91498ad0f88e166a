// Texts that tests of hostile input are made of.
#pragma once

#include "test/unit/dsl/Compile.h"

#include <random>

namespace disco::dsl {

inline std::string repeat(size_t count, const std::string &text) {
  std::string out;
  out.reserve(count * text.size());
  for (size_t i = 0; i < count; ++i)
    out += text;
  return out;
}

/// One code point as UTF-8.
inline std::string utf8(uint32_t point) {
  if (point < 0x80)
    return {char(point)};
  if (point < 0x800)
    return {char(0xc0 | point >> 6), char(0x80 | (point & 0x3f))};
  if (point < 0x10000)
    return {char(0xe0 | point >> 12), char(0x80 | (point >> 6 & 0x3f)),
            char(0x80 | (point & 0x3f))};
  return {char(0xf0 | point >> 18), char(0x80 | (point >> 12 & 0x3f)),
          char(0x80 | (point >> 6 & 0x3f)), char(0x80 | (point & 0x3f))};
}

/// Characters that look like ones of the language, like none, or like nothing at all: full-width
/// forms, Cyrillic and Greek letters, mathematical letters, dashes, quotes, spaces, zero-width
/// characters, directional marks.
inline std::vector<uint32_t> confusables() {
  std::vector<uint32_t> points;
  for (const auto &[first, last] : std::vector<std::pair<uint32_t, uint32_t>>{{0xff01, 0xff5e},
                                                                              {0x0430, 0x044f},
                                                                              {0x03b1, 0x03c9},
                                                                              {0x1d44e, 0x1d467},
                                                                              {0x2010, 0x2015},
                                                                              {0x2018, 0x201f},
                                                                              {0x2000, 0x200f},
                                                                              {0x2028, 0x202e},
                                                                              {0x2060, 0x2064},
                                                                              {0x2066, 0x2069},
                                                                              {0x2200, 0x2215},
                                                                              {0x2264, 0x2265},
                                                                              {0xe0061, 0xe0064},
                                                                              {0xfe00, 0xfe03}})
    for (uint32_t point = first; point <= last; ++point)
      points.push_back(point);
  for (uint32_t point : {0x85, 0xa0, 0xad, 0xb7, 0xd7, 0xf7, 0x37e, 0x61c, 0x3000, 0xfeff, 0x00})
    if (point > 0)
      points.push_back(point);
  return points;
}

/// A random real expression over margins and numbers; `depth` bounds its nesting.
inline std::string randomExpression(std::mt19937_64 &random, int depth) {
  const auto pick = [&](size_t count) { return size_t(random() % count); };
  constexpr const char *kLeaves[] = {"margin",
                                     "chosen_ratio",
                                     "policy_chosen_logps",
                                     "policy_rejected_logps",
                                     "reference_chosen_logps",
                                     "chosen_length",
                                     "0",
                                     "1",
                                     "0.5",
                                     "2"};
  if (depth == 0)
    return kLeaves[pick(std::size(kLeaves))];
  const auto operand = [&] { return randomExpression(random, depth - 1 - int(pick(2)) % depth); };
  constexpr const char *kInfix[] = {" + ", " - ", " * ", " / "};
  constexpr const char *kUnary[] = {"-",    "exp",   "softplus", "sigmoid",   "tanh",
                                    "abs",  "relu",  "detach",   "sign",      "square",
                                    "sqrt", "log1p", "expm1",    "logsigmoid"};
  constexpr const char *kBinary[] = {"min", "max"};
  switch (pick(5)) {
  case 0:
  case 1: {
    const std::string left = operand();
    return "(" + left + kInfix[pick(std::size(kInfix))] + operand() + ")";
  }
  case 2:
    return std::string(kUnary[pick(std::size(kUnary))]) + "(" + operand() + ")";
  case 3: {
    const std::string left = operand();
    return std::string(kBinary[pick(std::size(kBinary))]) + "(" + left + ", " + operand() + ")";
  }
  default: {
    const std::string left = operand(), right = operand(), yes = operand();
    return "where(" + left + " < " + right + ", " + yes + ", " + operand() + ")";
  }
  }
}

} // namespace disco::dsl
