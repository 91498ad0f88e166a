// What one compilation may use, in a worker and in this process alike; and what holds one in this
// process to its time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace disco::compiler {

/// CPU time of one compilation.
constexpr std::chrono::seconds kMostCompileTime{2};
/// Wall time of one compilation.
constexpr std::chrono::milliseconds kCompileDeadline{10000};

/// While it lives, the thread that made it compiles here. Nothing can stop that from within: what
/// takes more CPU time than it may, or is not done at the deadline, ends this process with status 1
/// and a line on standard error. Time in which the process is stopped does not count.
class InProcessBudget {
public:
  /// `what` begins the line, e.g. "compiling `x`".
  InProcessBudget(std::string what, std::chrono::milliseconds deadline = kCompileDeadline,
                  std::chrono::milliseconds cpuTime = kMostCompileTime);
  ~InProcessBudget();
  InProcessBudget(const InProcessBudget &) = delete;
  InProcessBudget &operator=(const InProcessBudget &) = delete;

private:
  void watch(clockid_t compiling, std::chrono::milliseconds deadline,
             std::chrono::milliseconds cpuTime);

  std::string what_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool done_ = false;
  std::thread watcher_; // last: it uses the others
};

} // namespace disco::compiler
