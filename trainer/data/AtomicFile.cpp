#include "trainer/data/AtomicFile.h"

#include <array>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <unistd.h>

namespace disco::data {
namespace {

Error systemError(const std::string &path, const char *what) {
  int cause = errno;
  std::string message = path + ": cannot " + what + ": " + std::strerror(cause);
  if (cause == ENOSPC || cause == EDQUOT)
    message += "; free some space and run the command again, what was finished before is kept";
  return {message};
}

std::string folderOf(const std::string &path) {
  std::string folder = std::filesystem::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

} // namespace

Result<AtomicFile> AtomicFile::create(const std::string &path) {
  // A device, a pipe or a terminal is written to, never replaced: -o /dev/stdout, -o >(less).
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
    int descriptor = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0)
      return systemError(path, "open");
    return AtomicFile(path, "", descriptor);
  }
  // A link stays a link: what it names is replaced.
  std::error_code unresolved;
  std::string target = exists ? std::filesystem::canonical(path, unresolved).string() : path;
  if (unresolved)
    target = path;
  // The process id keeps two writers apart; the last rename wins whole.
  std::string temporary = target + ".tmp" + std::to_string(::getpid());
  int descriptor =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor < 0)
    return systemError(path, "create");
  AtomicFile file(std::move(target), std::move(temporary), descriptor);
  if (exists && S_ISREG(status.st_mode) && ::fchmod(descriptor, status.st_mode & 0777) != 0)
    return systemError(path, "keep the permissions of");
  return file;
}

AtomicFile::AtomicFile(AtomicFile &&other) noexcept
    : path_(std::move(other.path_)), temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0)
    return;
  ::close(descriptor_);
  if (!temporary_.empty())
    ::unlink(temporary_.c_str());
}

Result<void> AtomicFile::write(std::string_view bytes) {
  assert(descriptor_ >= 0 && "write after commit");
  while (!bytes.empty()) {
    ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return systemError(path_, "write");
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<void> AtomicFile::commit() {
  assert(descriptor_ >= 0 && "commit twice");
  if (temporary_.empty())
    return ::close(std::exchange(descriptor_, -1)) == 0 ? Result<void>{}
                                                        : systemError(path_, "write");
  if (::fsync(descriptor_) != 0)
    return systemError(path_, "write");
  // Some file systems report a full disk only here.
  if (::close(std::exchange(descriptor_, -1)) != 0) {
    Error error = systemError(path_, "write");
    ::unlink(temporary_.c_str());
    return error;
  }
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    Error error = systemError(path_, "replace");
    ::unlink(temporary_.c_str());
    return error;
  }
  // Without this a power loss could undo the rename.
  int folder = ::open(folderOf(path_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    ::fsync(folder);
    ::close(folder);
  }
  return {};
}

Result<void> writeFileAtomically(const std::string &path, std::string_view content) {
  Result<AtomicFile> file = AtomicFile::create(path);
  if (!file)
    return file.error();
  if (Result<void> written = file->write(content); !written)
    return written;
  return file->commit();
}

Result<std::string> readFile(const std::string &path, uint64_t limitBytes) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return systemError(path, "open");
  std::string content;
  std::array<char, 1 << 16> buffer;
  for (;;) {
    ssize_t count = ::read(descriptor, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0) {
      Error error = systemError(path, "read");
      ::close(descriptor);
      return error;
    }
    if (count == 0)
      break;
    if (content.size() + static_cast<size_t>(count) > limitBytes) {
      ::close(descriptor);
      return Error{path + ": larger than the limit of " + std::to_string(limitBytes) + " bytes"};
    }
    content.append(buffer.data(), static_cast<size_t>(count));
  }
  ::close(descriptor);
  return content;
}

Result<void> createFolders(const std::string &path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code)
    return Error{path + ": cannot create the folder: " + code.message()};
  return {};
}

} // namespace disco::data
