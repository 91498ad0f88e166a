// See WorkerProcess.h.
#include "compiler/service/WorkerProcess.h"

#include "dsl/support/Exec.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace disco::compiler {

namespace {

/// The last line of a small file that a process wrote.
std::string lastLine(int file) {
  char text[4096];
  const off_t end = lseek(file, 0, SEEK_END);
  const off_t begin = end > off_t(sizeof text) ? end - off_t(sizeof text) : 0;
  const ssize_t count = pread(file, text, sizeof text, begin);
  std::string all(text, count > 0 ? size_t(count) : 0);
  while (!all.empty() && all.back() == '\n')
    all.pop_back();
  return all.substr(all.rfind('\n') + 1);
}

} // namespace

Result<WorkerProcess> WorkerProcess::start(const std::string &program) {
  const auto failure = [&](int code) {
    return Error{program + ": cannot start the code generator: " + std::strerror(code)};
  };
  int sockets[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0)
    return failure(errno);
  // After the sockets: in a process without standard streams it would be 0, which they become.
  const int log = memfd_create("disco-codegen", MFD_CLOEXEC);
  if (log < 0) {
    const int code = errno;
    close(sockets[0]);
    close(sockets[1]);
    return failure(code);
  }
  const ExecStrings arguments({program}), environment(childEnvironment());
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, sockets[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, log, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&files, log, STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Its own group: Ctrl-C is for us, who then end it.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  const int code =
      posix_spawn(&pid, program.c_str(), &files, &attributes, arguments.get(), environment.get());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  close(sockets[1]);
  if (code != 0) {
    close(sockets[0]);
    close(log);
    return failure(code);
  }
  return WorkerProcess(pid, getpid(), sockets[0], log);
}

WorkerProcess::WorkerProcess(WorkerProcess &&other) noexcept
    : pid_(std::exchange(other.pid_, -1)), owner_(other.owner_),
      socket_(std::exchange(other.socket_, -1)), log_(std::exchange(other.log_, -1)),
      received_(std::move(other.received_)), closed_(other.closed_) {}

WorkerProcess &WorkerProcess::operator=(WorkerProcess &&other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(owner_, other.owner_);
  std::swap(socket_, other.socket_);
  std::swap(log_, other.log_);
  std::swap(received_, other.received_);
  std::swap(closed_, other.closed_);
  return *this;
}

WorkerProcess::~WorkerProcess() {
  if (isOurs()) {
    finish();
  } else if (pid_ >= 0) {
    close(socket_);
    close(log_);
  }
}

bool WorkerProcess::isOurs() const { return owner_ == getpid(); }

bool WorkerProcess::send(const Message &message) {
  const std::string bytes = encode(message);
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t count = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      closed_ = true;
      return false;
    }
    sent += size_t(count);
  }
  return true;
}

Result<std::optional<Message>> WorkerProcess::receive() {
  char bytes[65536];
  for (;;) {
    const ssize_t count = recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count > 0)
      received_.append(bytes, size_t(count));
    if ((count > 0 && received_.size() <= kMostMessage) || (count < 0 && errno == EINTR))
      continue;
    closed_ = count == 0 || (count < 0 && errno != EAGAIN && errno != EWOULDBLOCK);
    Result<std::optional<Message>> message = takeMessage(received_);
    if (message && !*message && closed_)
      return Error{"the code generator ended"};
    return message;
  }
}

WorkerProcess::Ending WorkerProcess::finish() {
  if (pid_ < 0)
    return {};
  // It has not been waited for, so its id cannot be another's.
  const auto hasEnded = [&] {
    siginfo_t ended{};
    return waitid(P_PID, id_t(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == pid_;
  };
  // Its socket is closed a little before it has ended, and how it ended is worth a second.
  bool byItself = hasEnded();
  for (int i = 0; closed_ && !byItself && i < 1000; ++i, byItself = hasEnded())
    usleep(1000);
  kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  const std::string said = lastLine(log_);
  close(std::exchange(socket_, -1));
  close(std::exchange(log_, -1));
  Ending ending;
  if (!byItself)
    ending.how = "was killed";
  else if (WIFEXITED(status))
    ending.how = "ended with status " + std::to_string(WEXITSTATUS(status));
  else
    ending.how = "was ended by signal " + std::to_string(WTERMSIG(status)) + " (" +
                 strsignal(WTERMSIG(status)) + ")";
  ending.outOfTime = byItself && WIFSIGNALED(status) && WTERMSIG(status) == SIGPROF;
  if (!said.empty())
    ending.how += ": " + said;
  return ending;
}

} // namespace disco::compiler
