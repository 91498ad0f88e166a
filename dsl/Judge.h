// What only shows in the whole of a checked program: its cost, a gradient that is zero everywhere,
// constants out of range at the default parameters, and needs that only reports have.
#pragma once

#include "dsl/Program.h"
#include "dsl/support/Diagnostic.h"

#include <optional>
#include <vector>

namespace disco::dsl {

/// Where the author wrote the results; none for those that are derived or of a used objective.
struct ResultPlaces {
  Span loss;
  std::optional<Span> chosenReward, rejectedReward;
  std::vector<std::optional<Span>> metrics; // one for each of Program::metrics
};

void judge(const Program &program, const ResultPlaces &places, Diagnostics &diagnostics);

} // namespace disco::dsl
