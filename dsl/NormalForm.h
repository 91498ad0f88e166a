// A form of the loss in which functions that are equal over the real numbers by the rules listed in
// SPEC 9 look alike. For telling candidates apart only: nothing compiles or evaluates it, since
// floating point knows none of these equalities.
#pragma once

#include "dsl/Digest.h"
#include "dsl/Program.h"

#include <span>

namespace disco::dsl {

/// Digest of the normal form of the loss with the parameters bound to values.
Digest lossDigest(const Program &program, std::span<const double> parameters);

} // namespace disco::dsl
