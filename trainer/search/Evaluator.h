// Scores objectives by training them: many score searches at once over one pool of child processes.
// What a search asks for depends on its own results only, and every result is kept under its job's
// key, so neither the number of workers nor an interruption changes a score, and nothing is trained
// twice.
#pragma once

#include "trainer/search/Archive.h"
#include "trainer/search/JobRunner.h"
#include "trainer/search/Scale.h"

#include <atomic>
#include <deque>
#include <functional>
#include <map>

namespace disco::search {

class Evaluator {
public:
  struct Task {
    int64_t candidate = 0;
    Stage stage = Stage::Short;
    ScaledObjective objective;
    trainer::JobSpec base; // prompts, settings and seed of the trainings
    ScoreSearch search;
  };
  /// Told after every training: how many tasks of this call have their score.
  using Observer = std::function<void(size_t scored, size_t tasks)>;

  Evaluator(Archive &archive, JobRunner &runner, std::string taskHash,
            const std::atomic<bool> &stop)
      : archive_(archive), runner_(runner), taskHash_(std::move(taskHash)), stop_(stop) {}

  /// The scores, in the order of the tasks; empty when a stop was requested. Results of finished
  /// trainings are kept at once.
  Result<std::optional<std::vector<ScoreRow>>> evaluate(std::vector<Task> tasks,
                                                        const Observer &observer);

  /// Trainings run by this object, cached results not counted.
  int64_t trainingsRun() const { return trainingsRun_; }

private:
  struct Waiting {
    trainer::JobSpec spec;
    std::vector<std::pair<size_t, double>> tasks; // index and scale
  };
  Result<void> advance(size_t index);
  Result<void> startNext();
  Result<void> settle(const JobRunner::Ended &ended);
  Result<void> deliver(const std::string &key, const trainer::JobResult &result);

  Archive &archive_;
  JobRunner &runner_;
  std::string taskHash_;
  const std::atomic<bool> &stop_;
  int64_t trainingsRun_ = 0;

  // Of the current call.
  std::vector<Task> tasks_;
  std::vector<ScoreRow> rows_;
  size_t scored_ = 0;
  std::map<std::string, Waiting> waiting_; // jobs that are queued or running
  std::deque<std::string> queue_;
  std::map<std::string, int> attempts_;
};

} // namespace disco::search
