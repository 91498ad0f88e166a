// See ChildProcess.h. Between fork and exec only async-signal-safe calls are made.
#include "trainer/search/ChildProcess.h"

#include "dsl/support/Exec.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace disco::search {
namespace {

[[noreturn]] void becomeChild(char *const *argv, char *const *environment, int log, pid_t parent,
                              uint64_t dataBytes) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) // the parent ended before the line above took effect
    _exit(127);
  rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  if (dataBytes != 0) {
    rlimit data{dataBytes, dataBytes};
    setrlimit(RLIMIT_DATA, &data);
  }
  int empty = open("/dev/null", O_RDONLY);
  dup2(empty, STDIN_FILENO);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  sigset_t all;
  sigemptyset(&all);
  sigprocmask(SIG_SETMASK, &all, nullptr);
  signal(SIGPIPE, SIG_DFL);
  execve(argv[0], argv, environment);
  constexpr char problem[] = "cannot execute the program\n";
  if (write(STDERR_FILENO, problem, sizeof problem - 1) < 0)
    _exit(126);
  _exit(127);
}

} // namespace

Result<ChildProcess> ChildProcess::start(const std::vector<std::string> &argv,
                                         const std::string &logFile, Limits limits) {
  int log = open(logFile.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (log < 0)
    return Error{logFile + ": cannot create: " + std::strerror(errno)};
  const ExecStrings arguments(argv);
  const ExecStrings environment(
      childEnvironment({"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "CUDA_VISIBLE_DEVICES",
                        "DISCO_CACHE", "XDG_CACHE_HOME"}));
  pid_t parent = getpid();
  pid_t pid = fork();
  if (pid == 0)
    becomeChild(arguments.get(), environment.get(), log, parent, limits.dataBytes);
  int forkError = errno;
  close(log);
  if (pid < 0)
    return Error{argv[0] + ": cannot start a process: " + std::strerror(forkError)};
  setpgid(pid, pid); // in both processes, so that the group exists whichever runs first
  int pidfd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0) {
    int pidfdError = errno;
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return Error{"cannot watch a child process (pidfd_open, Linux 5.3 or newer): " +
                 std::string(std::strerror(pidfdError))};
  }
  fcntl(pidfd, F_SETFD, FD_CLOEXEC);
  return ChildProcess(pid, pidfd, Clock::now() + limits.deadline);
}

ChildProcess::ChildProcess(ChildProcess &&other) noexcept
    : pid_(std::exchange(other.pid_, -1)), pidfd_(std::exchange(other.pidfd_, -1)),
      deadline_(other.deadline_) {}

ChildProcess &ChildProcess::operator=(ChildProcess &&other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(deadline_, other.deadline_);
  return *this;
}

ChildProcess::~ChildProcess() { finish(); }

bool ChildProcess::ended() const {
  pollfd handle{pidfd_, POLLIN, 0};
  return poll(&handle, 1, 0) > 0;
}

std::string ChildProcess::finish() {
  if (pid_ < 0)
    return "";
  bool onTime = ended();
  // The child, dead or alive, has not been waited for yet, so its id and its group's cannot have
  // been reused.
  kill(-pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  close(pidfd_);
  pidfd_ = -1;
  if (!onTime)
    return "killed before it had finished";
  if (WIFSIGNALED(status))
    return std::string("ended by signal ") + std::to_string(WTERMSIG(status)) + " (" +
           strsignal(WTERMSIG(status)) + ")";
  if (WEXITSTATUS(status) != 0)
    return "exit status " + std::to_string(WEXITSTATUS(status));
  return "";
}

} // namespace disco::search
