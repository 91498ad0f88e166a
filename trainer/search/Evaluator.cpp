// See Evaluator.h.
#include "trainer/search/Evaluator.h"

#include <algorithm>

namespace disco::search {
namespace {

/// A job that gave no result this often is not tried again: a second chance for a machine's hiccup,
/// no third for poison.
constexpr int kAttempts = 2;
/// How soon a request to stop is seen.
constexpr std::chrono::milliseconds kLookAround{200};

} // namespace

Result<std::optional<std::vector<ScoreRow>>> Evaluator::evaluate(std::vector<Task> tasks,
                                                                 const Observer &observer) {
  using Rows = std::optional<std::vector<ScoreRow>>;
  tasks_ = std::move(tasks);
  rows_.assign(tasks_.size(), {});
  scored_ = 0;
  waiting_.clear();
  queue_.clear();
  attempts_.clear();
  for (size_t i = 0; i < tasks_.size(); ++i)
    if (Result<void> advanced = advance(i); !advanced)
      return advanced.error();
  observer(scored_, tasks_.size());
  while (!waiting_.empty()) {
    while (!stop_ && !queue_.empty() && runner_.hasRoom())
      if (Result<void> started = startNext(); !started)
        return started.error();
    if (stop_) {
      runner_.killAll();
      return Rows();
    }
    Result<std::optional<JobRunner::Ended>> ended = runner_.wait(kLookAround);
    if (!ended)
      return ended.error();
    if (!*ended)
      continue;
    if (Result<void> settled = settle(**ended); !settled)
      return settled.error();
    observer(scored_, tasks_.size());
  }
  return Rows(std::move(rows_));
}

/// Takes a search as far as known results carry it; then it waits for a job, or has its score.
Result<void> Evaluator::advance(size_t index) {
  Task &task = tasks_[index];
  while (std::optional<double> scale = task.search.next()) {
    trainer::JobSpec spec = task.objective.spec(task.base, *scale);
    std::string key = trainer::jobKey(spec, task.objective.codeHash, taskHash_);
    Result<std::optional<trainer::JobResult>> known = archive_.result(key);
    if (!known)
      return known.error();
    rows_[index].trainings.emplace_back(*scale, key);
    if (*known) {
      task.search.add(*scale, **known);
      continue;
    }
    Waiting &waiting = waiting_[key];
    if (waiting.tasks.empty()) {
      waiting.spec = std::move(spec);
      queue_.push_back(key);
    }
    waiting.tasks.emplace_back(index, *scale);
    return {};
  }
  ScoreRow &row = rows_[index];
  row.candidate = task.candidate;
  row.stage = task.stage;
  row.seed = task.base.seed;
  row.score = task.search.score();
  ++scored_;
  return {};
}

Result<void> Evaluator::startNext() {
  std::string key = queue_.front();
  queue_.pop_front();
  const trainer::JobSpec &spec = waiting_.at(key).spec;
  Result<int> before = archive_.leaseJob(key, trainer::toJson(spec));
  if (!before)
    return before.error();
  attempts_[key] = *before + 1;
  return runner_.start(key, spec);
}

Result<void> Evaluator::settle(const JobRunner::Ended &ended) {
  if (ended.result) {
    ++trainingsRun_;
    return deliver(ended.key, *ended.result);
  }
  if (Result<void> released = archive_.releaseJob(ended.key, ended.failure); !released)
    return released.error();
  if (attempts_[ended.key] < kAttempts) {
    queue_.push_front(ended.key);
    return {};
  }
  ++trainingsRun_;
  trainer::JobResult failed;
  failed.reason = ended.failure;
  return deliver(ended.key, failed);
}

Result<void> Evaluator::deliver(const std::string &key, const trainer::JobResult &result) {
  if (Result<void> finished = archive_.finishJob(key, result); !finished)
    return finished.error();
  Waiting waiting = std::move(waiting_.at(key));
  waiting_.erase(key);
  for (auto &[index, scale] : waiting.tasks) {
    tasks_[index].search.add(scale, result);
    if (Result<void> advanced = advance(index); !advanced)
      return advanced.error();
  }
  return {};
}

} // namespace disco::search
