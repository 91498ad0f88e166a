// Which situations a fact speaks of: coordinates with ranges, and how what a program reads follows
// from them. A situation is one optimiser step; a coordinate of pairs or tokens may differ between
// them.
#pragma once

#include "dsl/facts/Tape.h"

#include <string>
#include <utility>
#include <vector>

namespace disco::dsl::facts {

struct Coordinate {
  Interval range;
  bool whole = false; // takes whole numbers only
};

/// A leaf of the tape: centre plus a sum of coordinates with factors, within `limits`.
struct LeafForm {
  double centre = 0;
  std::vector<std::pair<uint32_t, double>> terms = {};
  Interval limits = {-kInfinity, kInfinity, false};
  bool rounds = false; // computed, and so rounded to the precision; else it is exact in it
  bool varies = false; // from token to token
};

struct Domain {
  std::vector<Coordinate> coordinates;
  std::vector<LeafForm> leaves; // as Tape::leaves

  std::vector<Interval> box() const {
    std::vector<Interval> ranges;
    for (const Coordinate &coordinate : coordinates)
      ranges.push_back(coordinate.range);
    return ranges;
  }
};

} // namespace disco::dsl::facts
