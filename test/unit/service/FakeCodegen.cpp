// A worker that does what the last part of its own name says, so that a service is tested against
// each way a worker can end.
#include "compiler/service/Cache.h"
#include "compiler/service/Protocol.h"

#include <cstdlib>
#include <string_view>

#include <csignal>
#include <sys/socket.h>
#include <unistd.h>

using namespace disco::compiler;

namespace {

void send(const std::string &bytes) {
  if (::send(STDIN_FILENO, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0)
    std::exit(3);
}

void awaitRequest() {
  char byte;
  if (recv(STDIN_FILENO, &byte, 1, MSG_PEEK) <= 0)
    std::exit(0);
}

} // namespace

int main(int, char **argv) {
  const std::string_view path = argv[0], name = path.substr(path.rfind('/') + 1);
  if (name == "exits")
    return 7;
  send(encode({MessageKind::Hello, name == "foreign" ? "another" : std::string(buildId())}));
  awaitRequest();
  if (name == "crashes") {
    constexpr char line[] = "LLVM ERROR: out of registers\n";
    if (write(STDERR_FILENO, line, sizeof line - 1) > 0)
      std::abort();
  }
  if (name == "killed")
    raise(SIGKILL);
  if (name == "spins")
    raise(SIGPROF);
  if (name == "babbles")
    send("nonsense, and more of it");
  if (name == "boasts") // of more than any code has
    send(encode({MessageKind::Image, ""}).substr(0, 4) + "\xff\xff\xff\xff");
  if (name == "lies")
    send(encode({MessageKind::Image, "no artefact"}));
  for (;;)
    pause(); // "hangs", and the others until they are ended
}
