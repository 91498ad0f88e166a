#include "dsl/support/StackThread.h"

#include <condition_variable>
#include <mutex>
#include <pthread.h>
#include <unistd.h>

namespace disco {

struct StackThread::State {
  std::mutex turn; // held by the caller whose call runs
  std::mutex mutex;
  std::condition_variable changed;
  const std::function<void()> *call = nullptr;
  bool stop = false;
  pthread_t thread{};
  pid_t process = 0; // a forked child has the memory but not the thread
};

StackThread::StackThread(size_t stackBytes) : stackBytes_(stackBytes) {}

void *StackThread::loop(void *argument) {
  State &state = *static_cast<State *>(argument);
  std::unique_lock lock(state.mutex);
  while (true) {
    state.changed.wait(lock, [&] { return state.call || state.stop; });
    if (state.stop)
      return nullptr;
    (*state.call)();
    state.call = nullptr;
    state.changed.notify_all();
  }
}

bool StackThread::run(const std::function<void()> &call) {
  static std::mutex starting;
  {
    std::lock_guard lock(starting);
    if (!state_ || state_->process != getpid()) {
      auto state = std::make_unique<State>();
      state->process = getpid();
      pthread_attr_t attributes;
      if (pthread_attr_init(&attributes) != 0)
        return false;
      pthread_attr_setstacksize(&attributes, stackBytes_);
      const bool started = pthread_create(&state->thread, &attributes, loop, state.get()) == 0;
      pthread_attr_destroy(&attributes);
      if (!started)
        return false;
      state_ = state.release(); // the state of a parent process, if any, is left alone
    }
  }
  std::lock_guard turn(state_->turn);
  std::unique_lock lock(state_->mutex);
  state_->call = &call;
  state_->changed.notify_all();
  state_->changed.wait(lock, [&] { return !state_->call; });
  return true;
}

StackThread::~StackThread() {
  if (!state_ || state_->process != getpid())
    return;
  {
    std::lock_guard lock(state_->mutex);
    state_->stop = true;
  }
  state_->changed.notify_all();
  pthread_join(state_->thread, nullptr);
  delete state_;
}

} // namespace disco
