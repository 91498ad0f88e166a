// See Budget.h.
#include "compiler/service/Budget.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include <pthread.h>
#include <unistd.h>

namespace disco::compiler {

namespace {

/// How often the time is looked at, at most.
constexpr std::chrono::milliseconds kTick{20};

[[noreturn]] void endProcess(const std::string &why) {
  std::fprintf(stderr, "%s: error: %s\n", program_invocation_short_name, why.c_str());
  _exit(1); // the other thread is inside LLVM: nothing of it may be destroyed
}

} // namespace

InProcessBudget::InProcessBudget(std::string what, std::chrono::milliseconds deadline,
                                 std::chrono::milliseconds cpuTime)
    : what_(std::move(what)) {
  clockid_t compiling;
  if (pthread_getcpuclockid(pthread_self(), &compiling) == 0)
    watcher_ = std::thread(&InProcessBudget::watch, this, compiling, deadline, cpuTime);
}

InProcessBudget::~InProcessBudget() {
  if (!watcher_.joinable())
    return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    done_ = true;
  }
  changed_.notify_one();
  watcher_.join();
}

void InProcessBudget::watch(clockid_t compiling, std::chrono::milliseconds deadline,
                            std::chrono::milliseconds cpuTime) {
  const auto used = [&] {
    timespec time{};
    clock_gettime(compiling, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
  };
  const auto before = used();
  std::unique_lock<std::mutex> lock(mutex_);
  for (std::chrono::milliseconds waited{0}; !done_;) {
    const std::chrono::milliseconds tick = std::min(kTick, deadline - waited);
    if (changed_.wait_for(lock, tick, [&] { return done_; }))
      return;
    waited += tick;
    if (used() - before > cpuTime)
      endProcess(what_ + " took more CPU time than a compilation may");
    if (waited >= deadline)
      endProcess(what_ + " was not done after " + std::to_string(deadline.count()) +
                 " ms and was ended");
  }
}

} // namespace disco::compiler
