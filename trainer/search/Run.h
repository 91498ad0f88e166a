// A run from its settings to its leaderboard: what `disco evolve` does, apart from flags and
// printing.
#pragma once

#include "trainer/search/Evolution.h"
#include "trainer/search/Leaderboard.h"

namespace disco::search {

struct RunRequest {
  std::string configText;
  std::string configPlace; // names the text in errors
  std::string folder;      // of the run; made if need be
  bool resume = false;
  /// Program and leading arguments of a job, as in JobRunner.
  std::vector<std::string> jobCommand;
  std::function<Result<void>(const std::string &)> checkTrain; // of training settings as JSON
  std::function<void(const Progress &)> observer;
  /// As in Evolution::Parts.
  std::function<void(const std::vector<std::string> &)> compileGeneration = {};
};

struct RunOutcome {
  bool complete = false; // false: stopped, can be resumed
  int64_t trainings = 0; // run by this process
  double targetKl = 0;
  Leaderboard board; // of a complete run
};

Result<RunOutcome> runSearch(const RunRequest &request, const std::atomic<bool> &stop);

} // namespace disco::search
