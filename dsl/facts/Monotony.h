// What the loss does along the margin line (SPEC F3, F4): where it stops being finite, where it
// rises, what it tends to.
#pragma once

#include "dsl/facts/MarginLine.h"

#include <optional>
#include <utility>
#include <vector>

namespace disco::dsl::facts {

/// Facts of the line are about margins within this reach: the adversarial box's.
constexpr double kLineReach = 2e4;

struct LineEnd {
  std::optional<double> value, slope; // may be infinite; empty where none is approached
};

struct LineFacts {
  MarginLine::Point atZero;
  /// The points nearest 0 at which float32 evaluation is not finite, on either side.
  std::optional<MarginLine::Point> nonfiniteBelow, nonfiniteAbove;
  /// Ascending margins between which the loss rises, within the finite part; a jump upwards is an
  /// interval of one point.
  std::vector<std::pair<double, double>> risesOn;
  /// Whether enclosures prove that there are no other rises and falls.
  bool risesProved = false;
  LineEnd below, above;
  /// Whether chosen and rejected are pushed in opposite directions (or not at all) everywhere on
  /// the line; empty where neither enclosure nor an example says.
  std::optional<bool> oppositeSlopes;
};

/// The tape must be of the program; it gains the slope of the line.
LineFacts lineFacts(const Program &program, Tape &tape, std::span<const double> parameters);

} // namespace disco::dsl::facts
