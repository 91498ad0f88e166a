// Finds prelude names and derived builtins back in a program's primitive operations, for printing.
#pragma once

#include "dsl/Builtins.h"
#include "dsl/Program.h"

namespace disco::dsl {

/// A node as an author would write it: `name(operands)`, or the prelude's `name` alone, or (no
/// name) its own operation.
struct Form {
  std::string_view name;
  std::vector<NodeId> operands;
};

/// The node's own operation.
Form plainForm(const Node &node);

/// The form that stands for the most operations. Expanding it gives exactly these nodes again.
Form recognise(const Program &program, NodeId node);

} // namespace disco::dsl
