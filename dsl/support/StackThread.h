// One thread with a stack of a known size that runs calls for others, so that code whose depth is
// bounded is safe to call from a thread with a small stack. Calls from several threads take turns.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace disco {

class StackThread {
public:
  explicit StackThread(size_t stackBytes);
  ~StackThread();
  StackThread(const StackThread &) = delete;
  StackThread &operator=(const StackThread &) = delete;

  /// Runs the call to its end on the thread. The call must not throw. False when the system gives
  /// no thread.
  bool run(const std::function<void()> &call);

private:
  struct State;
  static void *loop(void *state);
  size_t stackBytes_;
  State *state_ = nullptr;
};

} // namespace disco
