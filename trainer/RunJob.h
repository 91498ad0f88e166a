// One job from spec to result: train on the task's pairs, then score on the chosen prompts. The
// objective comes in ready to call, so this knows neither text nor compiler.
#pragma once

#include "trainer/Job.h"
#include "trainer/Objective.h"

namespace disco::trainer {

/// Never throws for what a spec, task or objective can cause: that is a result with a status and a
/// reason. Writes nothing but the task's cache.
JobResult runJob(const JobSpec &spec, Objective &objective);

} // namespace disco::trainer
