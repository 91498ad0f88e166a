// A pool of child processes that run trainings: a JSON spec in, a JSON result out, killed at a
// deadline. It keeps no state beyond the running children; which jobs to run, and what a failure
// means, is Evaluator's business.
#pragma once

#include "trainer/Job.h"
#include "trainer/search/ChildProcess.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace disco::search {

class JobRunner {
public:
  struct Settings {
    /// Program and leading arguments; the paths of spec and result are appended. `disco job` is
    /// {"<path of disco>", "job"}.
    std::vector<std::string> command;
    /// Existing folder for spec, result and log files, named by the job's key.
    std::string folder;
    int workers = 1;
    ChildProcess::Limits limits;
  };
  struct Ended {
    std::string key;
    /// The job's own answer, whatever its status; empty when it gave none: crashed, was killed, or
    /// wrote nonsense.
    std::optional<trainer::JobResult> result;
    std::string failure; // why there is no result; one line
  };

  explicit JobRunner(Settings settings) : settings_(std::move(settings)) {}

  bool hasRoom() const { return running_.size() < static_cast<size_t>(settings_.workers); }
  bool idle() const { return running_.empty(); }
  Result<void> start(const std::string &key, const trainer::JobSpec &spec);
  /// Waits for a job to end or to pass its deadline; empty when neither happened in time or a
  /// signal came.
  Result<std::optional<Ended>> wait(std::chrono::milliseconds timeout);
  void killAll() { running_.clear(); }

private:
  std::string path(const std::string &key, const char *suffix) const {
    return settings_.folder + "/" + key + suffix;
  }
  Result<Ended> collect(const std::string &key, ChildProcess child, bool late);

  Settings settings_;
  std::map<std::string, ChildProcess> running_; // by key
};

/// The path of the running program, so that a search trains with exactly the build that started it.
Result<std::string> ownExecutable();

} // namespace disco::search
