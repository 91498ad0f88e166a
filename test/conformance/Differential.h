// Differential testing: one random objective through every engine of this build, and through its
// own text, on several steps; and what is left of it when it is made as small as it still fails.
#pragma once

#include <cstdint>
#include <string>

namespace disco::conformance {

/// What a seed came to.
struct Trial {
  bool tried =
      false; // its text was within the limits of the language, and its code of the compiler
  /// Empty where all agree; else what disagrees, and the smallest objective and step of this seed
  /// for which something does.
  std::string failure;
};
Trial tryObjective(uint64_t seed);

} // namespace disco::conformance
