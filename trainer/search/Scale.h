// The one number of an objective that its score walks: `beta` where there is one, else a factor on
// the margin. Either way a larger number usually holds the policy closer to the reference.
#pragma once

#include "dsl/Program.h"
#include "dsl/support/Result.h"
#include "trainer/Job.h"
#include "trainer/search/Score.h"

#include <optional>
#include <string>

namespace disco::search {

struct ScaledObjective {
  std::string text; // canonical; the objective itself, or the one with its margin scaled
  std::string codeHash;
  std::string parameter; // of `text`
  ScaleRange range;

  /// The spec of a training at this scale; all but objective and parameters come from `base`.
  trainer::JobSpec spec(trainer::JobSpec base, double scale) const;
};

/// Empty when the loss has neither a positive `beta` nor a margin to scale.
std::optional<ScaledObjective> scaledObjective(const dsl::Program &program);

} // namespace disco::search
