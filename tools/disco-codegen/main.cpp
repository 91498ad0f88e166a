// disco-codegen: the worker that compiles for other programs (compiler/service). It speaks on
// standard input, which is a socket, and limits itself before it reads anything: a program that
// is too much for it, or an error inside LLVM, ends this process and nothing else.
#include "compiler/service/Budget.h"
#include "compiler/service/Cache.h"
#include "compiler/service/Protocol.h"
#include "dsl/Dsl.h"

#include <cerrno>
#include <csignal>
#include <cstdio>

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

using namespace disco;
using namespace disco::compiler;

namespace {

constexpr rlim_t kMostData = rlim_t{512} << 20; // bytes
constexpr rlim_t kMostLog = rlim_t{64} << 10;   // bytes of standard error
constexpr rlim_t kMostFiles = 16;

/// Where it fails, a lower limit holds already.
void limit(__rlimit_resource_t resource, rlim_t most) {
  const rlimit both{most, most};
  setrlimit(resource, &both);
}

/// So that the signal of limitCompilation() ends this process: whoever started it may ignore or
/// block that one, as profilers do, and exec keeps both.
void heedTimer() {
  signal(SIGPROF, SIG_DFL);
  sigset_t timer;
  sigemptyset(&timer);
  sigaddset(&timer, SIGPROF);
  sigprocmask(SIG_UNBLOCK, &timer, nullptr);
}

void limitProcess() {
  heedTimer();
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, kMostLog);
  limit(RLIMIT_NOFILE, kMostFiles);
#ifndef __SANITIZE_ADDRESS__ // whose shadow counts as data
  limit(RLIMIT_DATA, kMostData);
#endif
}

/// Ends this process by SIGPROF when the compilation has used up its time. A timer and not
/// RLIMIT_CPU: that one counts in ticks, which drift from any clock that a base for the next
/// compilation could be read from.
void limitCompilation() {
  const itimerval timer{{}, {kMostCompileTime.count(), 0}};
  setitimer(ITIMER_PROF, &timer, nullptr);
}

bool send(const Message &message) {
  const std::string bytes = encode(message);
  for (size_t sent = 0; sent < bytes.size();) {
    const ssize_t count =
        ::send(STDIN_FILENO, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return false;
    sent += size_t(count);
  }
  return true;
}

/// The next request; empty when nobody is left who could ask.
std::optional<Message> receive(std::string &received) {
  for (;;) {
    Result<std::optional<Message>> message = takeMessage(received);
    if (!message)
      return std::nullopt;
    if (*message)
      return std::move(**message);
    char bytes[16384];
    const ssize_t count = recv(STDIN_FILENO, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return std::nullopt;
    received.append(bytes, size_t(count));
  }
}

/// Passes and tables of LLVM are set up by the first compilation.
void warmUp(Compiler &compiler) {
  Diagnostics found;
  const std::optional<dsl::Program> program = dsl::compileSource(
      Source("<warm-up>", "objective warm_up { loss = softplus(-margin); }"), found);
  (void)bool(compiler.compileImage(*program));
}

} // namespace

int main() {
  limitProcess();
  Compiler compiler;
  warmUp(compiler);
  std::string received;
  if (!send({MessageKind::Hello, std::string(buildId())})) {
    std::fprintf(stderr, "disco-codegen: standard input is no socket; disco and discoc start this "
                         "program when they need it\n");
    return 2;
  }
  while (const std::optional<Message> request = receive(received)) {
    limitCompilation();
    if (!send(answer(compiler, *request)))
      break;
  }
  return 0;
}
