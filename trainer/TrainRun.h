// A training kept in a folder: prepared from a task, logged, checkpointed, resumed, and left as a
// normal model directory. No torch here; `disco train` and runJob() are thin callers.
//
//   RUN/run.json        objective, parameters, its states at the end, task and settings
//   RUN/metrics.jsonl   one line per logged step
//   RUN/checkpoints/    while it runs
//   RUN/model/          the trained policy, written at the end
#pragma once

#include "trainer/Job.h"
#include "trainer/Model.h"
#include "trainer/Objective.h"
#include "trainer/TrainConfig.h"

#include <functional>
#include <string>

namespace disco::trainer {

struct TrainProgress {
  int64_t step = 0, steps = 0; // steps done
  double loss = 0, accuracy = 0, margin = 0, secondsPerStep = 0;
};

struct TrainOptions {
  std::string directory; // empty: nothing is written
  bool resume = false;   // go on from the newest checkpoint in `directory`
  std::function<void(const TrainProgress &)> progress; // called for each logged step
  std::function<void(const std::string &)> warn;
  std::function<bool()> stop; // asked between steps
};

struct TrainOutcome {
  JobResult::Status status = JobResult::Status::Failed;
  bool interrupted = false; // stopped on request; a checkpoint was saved when there is a directory
  std::string reason;       // why it is not Ok
  double firstLoss = 0, lastLoss = 0, rewardAccuracy = 0;
  int64_t steps = 0;
  std::vector<double> states; // of the objective, after the last step
  ModelPtr policy;            // the trained model when Ok
};

/// Trains the task's model on the task's pairs. Errors are in the outcome.
TrainOutcome train(const std::string &task, const TrainConfig &config, Objective &objective,
                   const TrainOptions &options);

/// What `disco eval` must know about a run.
struct RunInfo {
  std::string objective; // name
  std::string text;      // in canonical form, which needs no other file
  std::map<std::string, double> parameters;
  // In the order of the text, whose canonical names may be others.
  std::vector<double> parameterValues, states;
  std::vector<std::string> metrics;
  int64_t steps = 0;
  TrainConfig train;
  std::string task;
  uint64_t seed = 0;
  EvalConfig eval;
};
Result<void> saveRunInfo(const std::string &directory, const Objective &objective,
                         const Recipe &recipe, const TrainOutcome &outcome);
Result<RunInfo> loadRunInfo(const std::string &directory);

} // namespace disco::trainer
