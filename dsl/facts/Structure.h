// Facts that follow from the graph alone: what an objective reads and how its pairs hang together.
#pragma once

#include "dsl/Program.h"

namespace disco::dsl::facts {

/// SPEC F1. None set means element-wise: each pair's loss and gradient depend on that pair alone. A
/// `batch_mean` that is a term of the loss does not couple, being the mean that is taken anyway.
struct Coupling {
  bool batch = false;     // a statistic of the pairs of the step
  bool sort = false;      // their order
  bool stateful = false;  // a number kept between steps
  bool token = false;     // values per token
  bool scheduled = false; // `progress`
};
Coupling couplingOf(const Program &program);

/// SPEC F2: whether the loss is a sum of terms each of which reads the chosen side alone or the
/// rejected side alone (or neither).
bool isSeparable(const Program &program);

/// The nodes whose sum, up to signs and factors that are numbers or parameters, is the loss.
std::vector<NodeId> termsOf(const Program &program);

} // namespace disco::dsl::facts
