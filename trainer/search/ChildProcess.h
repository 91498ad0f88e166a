// A child process with a deadline: its own process group, limited memory, a scrubbed environment,
// no shell. What it is told and what it answers are files (JobRunner.h); this file only starts,
// watches and ends it.
#pragma once

#include "dsl/support/Result.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace disco::search {

class ChildProcess {
public:
  using Clock = std::chrono::steady_clock;

  struct Limits {
    std::chrono::milliseconds deadline{0}; // wall time, after which the whole group is killed
    uint64_t dataBytes = 0;                // private writable memory (RLIMIT_DATA); 0: unlimited
  };

  /// Starts argv[0] with exactly these arguments; stdout and stderr go to `logFile`, stdin is
  /// empty. The child receives SIGKILL when this thread ends, however it ends, so no training
  /// outlives its search.
  static Result<ChildProcess> start(const std::vector<std::string> &argv,
                                    const std::string &logFile, Limits limits);

  ChildProcess(ChildProcess &&other) noexcept;
  ChildProcess &operator=(ChildProcess &&other) noexcept;
  /// Kills what is still running.
  ~ChildProcess();

  /// Readable (poll) once the child has ended.
  int pollHandle() const { return pidfd_; }
  Clock::time_point deadline() const { return deadline_; }
  bool ended() const;
  /// Ends the whole group, waits for the child, and says how it ended: empty for exit status 0,
  /// else one line.
  std::string finish();

private:
  ChildProcess(pid_t pid, int pidfd, Clock::time_point deadline)
      : pid_(pid), pidfd_(pidfd), deadline_(deadline) {}

  pid_t pid_ = -1; // also the id of its process group
  int pidfd_ = -1;
  Clock::time_point deadline_;
};

} // namespace disco::search
