// What --emit=typed prints: a checked program, node by node.
#pragma once

#include "dsl/Program.h"

#include <string>

namespace disco::discoc {

/// One line a node: `%4 = sub %0, %2 : pair real, gradient`, after the parameters and before loss,
/// rewards and metrics.
std::string typedText(const dsl::Program &program);

} // namespace disco::discoc
