// What an objective does to a margin: its loss and slope, sampled by the interpreter, for the
// report's drawings.
#pragma once

#include "dsl/Program.h"

#include <vector>

namespace disco::search {

struct CurvePoint {
  double z = 0;     // scale * margin
  double loss = 0;  // less the loss at margin 0
  double slope = 0; // d loss / d z
};

/// On the margin line (SPEC F3); z from -reach to reach. The candidate is taken at `scale`
/// (Scale.h), so that curves of different scales can be compared. Empty when it has no scale.
std::vector<CurvePoint> marginCurve(const dsl::Program &program, double scale, double reach);

} // namespace disco::search
