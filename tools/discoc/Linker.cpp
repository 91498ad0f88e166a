// See Linker.h. The one place of discoc that starts a program, with an argument list and no shell.
#include "tools/discoc/Linker.h"

#include "trainer/data/AtomicFile.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace disco::discoc {

namespace {

/// A file name of our own, gone with this object.
class Scratch {
public:
  static Result<Scratch> create() {
    std::error_code ignored;
    Scratch scratch;
    scratch.folder_ = (std::filesystem::temp_directory_path(ignored) / "discoc-XXXXXX").string();
    if (!mkdtemp(scratch.folder_.data()))
      return Error{scratch.folder_ + ": cannot create: " + std::strerror(errno)};
    return scratch;
  }
  Scratch(Scratch &&other) noexcept { folder_.swap(other.folder_); }
  ~Scratch() {
    std::error_code ignored;
    if (!folder_.empty())
      std::filesystem::remove_all(folder_, ignored);
  }
  std::string path(const char *name) const { return folder_ + "/" + name; }

private:
  Scratch() = default;
  std::string folder_;
};

} // namespace

Result<void> linkShared(const std::string &object, const std::string &library) {
  Result<Scratch> scratch = Scratch::create();
  if (!scratch)
    return scratch.error();
  const std::string objectFile = scratch->path("objective.o"), made = scratch->path("objective.so");
  if (Result<void> written = data::writeFileAtomically(objectFile, object); !written)
    return written.error();
  const char *const arguments[] = {
      "c++", "-shared", "-o", made.c_str(), objectFile.c_str(), DISCO_RUNTIME_LIBRARY,
      // Only the two functions of the objective can be seen from outside.
      "-Wl,--exclude-libs,ALL", "-Wl,--gc-sections", "-static-libstdc++", "-static-libgcc",
      nullptr};
  pid_t child = 0;
  if (const int failed = posix_spawnp(&child, arguments[0], nullptr, nullptr,
                                      const_cast<char *const *>(arguments), environ))
    return Error{"cannot start `c++` to link " + library + ": " + std::strerror(failed) +
                 "; install a C++ compiler (g++ on Debian), or use --emit=object and link "
                 "elsewhere"};
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0)
    return Error{library + ": `c++` could not link it; it said why above"};
  Result<std::string> bytes = data::readFile(made);
  return bytes ? data::writeFileAtomically(library, *bytes) : bytes.error();
}

} // namespace disco::discoc
