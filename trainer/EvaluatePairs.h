// An objective on pairs that it was not trained on: loss, rewards and metrics under a trained
// policy. No torch here.
#pragma once

#include "trainer/Objective.h"
#include "trainer/TrainRun.h"

#include <map>
#include <string>

namespace disco::trainer {

struct PairsResult {
  size_t pairs = 0;
  double loss = 0, rewardAccuracy = 0, rewardMargin = 0; // means over pairs
  std::map<std::string, double> metrics;                 // by name, means over pairs
};

/// The model of a run on the rows of `pairs` (as pairs.jsonl of a task), in batches of as many
/// pairs as a step of the run had. `objective` is made from the run's text. States are those the
/// run ended with and stay as they are; progress is that of its last step. Errors: a file or a
/// column, as in training; states that `run.json` lacks.
Result<PairsResult> evaluatePairs(const std::string &run, const RunInfo &info, Objective &objective,
                                  const std::string &pairs);

/// One line of a CSV, and its head; metrics, which differ from objective to objective, are not in
/// it.
std::string pairsCsvHeader();
std::string csvRow(const std::string &loss, double beta, uint64_t seed, const PairsResult &result);

} // namespace disco::trainer
