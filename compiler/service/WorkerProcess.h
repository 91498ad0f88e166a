// One worker process (tools/disco-codegen) seen from outside: started, spoken to, killed. It limits
// itself (memory, CPU time of each compilation, files); the deadline is kept by whoever waits here.
#pragma once

#include "compiler/service/Protocol.h"

#include <sys/types.h>

namespace disco::compiler {

class WorkerProcess {
public:
  /// Starts the program; it is ready when its Hello arrives.
  static Result<WorkerProcess> start(const std::string &program);
  WorkerProcess(WorkerProcess &&other) noexcept;
  WorkerProcess &operator=(WorkerProcess &&other) noexcept;
  /// Kills it, unless it is another process'.
  ~WorkerProcess();

  /// Whether this process started it, and was not forked from the one that did.
  bool isOurs() const;

  /// Readable (poll) when something arrived or the process ended.
  int pollHandle() const { return socket_; }
  /// False when the process has ended.
  bool send(const Message &message);
  /// What has arrived, without waiting; empty while no message is whole. An error once the process
  /// has ended or says nonsense; wait for it with finish().
  Result<std::optional<Message>> receive();
  struct Ending {
    /// With the last line that it wrote on standard error.
    std::string how;
    /// It ended because it had used up the CPU time of a compilation.
    bool outOfTime = false;
  };
  /// Kills and waits.
  Ending finish();

private:
  WorkerProcess(pid_t pid, pid_t owner, int socket, int log)
      : pid_(pid), owner_(owner), socket_(socket), log_(log) {}
  pid_t pid_ = -1, owner_ = -1;
  int socket_ = -1, log_ = -1;
  std::string received_;
  bool closed_ = false; // the other end: the process has ended or is about to
};

} // namespace disco::compiler
