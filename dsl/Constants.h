// Numbers that depend on parameters alone: first values of states, levels of quantiles, settings of
// used objectives.
#pragma once

#include "dsl/Program.h"

#include <span>

namespace disco::dsl {

/// The value of a node that reads numbers and parameters alone, in double. A truth value is 1 or 0.
double constantValue(const Program &program, NodeId node, std::span<const double> parameters);

} // namespace disco::dsl
