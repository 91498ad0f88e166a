// The whole state of a training in a folder of its own, so that a run goes on bit for bit after any
// end.
//
//   checkpoints/step-000200/tensors.safetensors   weights, exp_avg.*, exp_avg_sq.*
//                           state.json            step, tokens seen, size of metrics.jsonl,
//                                                 states of the objective, identity of the run
//                           manifest.json         size and SHA-256 of the two, written last
//   checkpoints/LATEST                            name of the newest one
//
// A checkpoint is made under a temporary name, synced, and renamed; the one before it is removed
// only after that.
#pragma once

#include "dsl/support/Result.h"
#include "trainer/ModelFiles.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace disco::trainer {

struct CheckpointState {
  std::string
      identity; // of settings, objective, data and initial model; a run goes on only from its own
  int64_t nextStep = 0;
  int64_t tokensSeen = 0;
  uint64_t metricsBytes = 0;
  std::map<std::string, double> summary; // numbers of the run's result that accumulate
  std::vector<double> states;            // the objective's, in its order; bit for bit, all finite
};

/// Saves into `directory`/checkpoints and keeps the newest two. On an error everything saved before
/// is intact.
Result<void> saveCheckpoint(const std::string &directory, const CheckpointState &state,
                            const NamedTensors &tensors);

/// The newest sound checkpoint, its tensors copied into `tensors`; empty when there is none at all.
/// A damaged one is passed over for the one before it, and `warning` says so. Errors: all are
/// damaged, or the identity is another one.
Result<std::optional<CheckpointState>> loadCheckpoint(const std::string &directory,
                                                      const std::string &identity,
                                                      const NamedTensors &tensors,
                                                      std::string &warning);

} // namespace disco::trainer
