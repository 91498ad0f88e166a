// Whole files, written so that a reader sees the old content or the new, never a part, whatever
// happens in between: a temporary file beside the target, fsync, rename, fsync of the folder. Not
// for appending.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace disco::data {

/// Replaces `path` by `content`, keeping the permissions of an old file; a link stays and its
/// target is replaced; what is not a regular file (a device, a pipe) is written to. Folders are not
/// created. On any failure (full disk, no permission, ...) the error names the path and the cause,
/// the old file is intact and the temporary file is gone.
Result<void> writeFileAtomically(const std::string &path, std::string_view content);

/// The same for content that comes in parts too large to hold at once. Nothing is visible until
/// commit(); destroying it before removes the temporary file.
class AtomicFile {
public:
  static Result<AtomicFile> create(const std::string &path);
  AtomicFile(AtomicFile &&other) noexcept;
  AtomicFile &operator=(AtomicFile &&) = delete;
  ~AtomicFile();

  Result<void> write(std::string_view bytes);
  Result<void> commit();

private:
  AtomicFile(std::string path, std::string temporary, int descriptor)
      : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {}
  std::string path_, temporary_; // no temporary: the target itself is written
  int descriptor_ = -1;
};

/// The whole file. Errors: missing, unreadable, a folder, or larger than `limitBytes`.
Result<std::string> readFile(const std::string &path, uint64_t limitBytes = uint64_t{1} << 32);

/// Creates the folder and its parents; existing folders are fine.
Result<void> createFolders(const std::string &path);

} // namespace disco::data
