// Judgements about a whole program that decide whether it is accepted: its cost, and whether it can
// teach the policy anything.
#pragma once

#include "dsl/Program.h"

namespace disco::dsl {

/// SPEC X10: one for every operation, and two for every operand of an operation through which the
/// gradient of the loss flows.
size_t countOperations(const Program &program);

/// SPEC D2: whether the gradient of the loss with respect to every policy input is zero by the
/// derivative rules alone, whatever the numbers. Follows factors that are known numbers, so that `0
/// * margin` and `margin - margin` count.
bool isDead(const Program &program);

} // namespace disco::dsl
