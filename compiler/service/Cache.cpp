// See Cache.h. An entry is a .dpoc file with one image (runtime/Artefact.h), which has a checksum,
// named by the digest of its key.
#include "compiler/service/Cache.h"

#include "compiler/service/BuildId.h"
#include "dsl/Digest.h"
#include "runtime/Artefact.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace disco::compiler {

namespace {

constexpr std::string_view kSuffix = ".dpoc";
/// How often the size of the folder is looked at, in entries written.
constexpr unsigned kCheckEvery = 64;

void add(dsl::Digest &digest, std::string_view text) {
  digest.add(text.size());
  for (char letter : text)
    digest.add(uint64_t(uint8_t(letter)));
}

/// All that code depends on; names and defaults of parameters are not part of it.
std::string entryName(const runtime::Signature &signature, runtime::Target target,
                      runtime::Dtype dtype) {
  dsl::Digest digest;
  add(digest, buildId());
  add(digest, signature.codeHash);
  digest.add(uint64_t(target)).add(uint64_t(dtype)).add(runtime::kKernelAbi);
  return digest.text() + std::string(kSuffix);
}

bool sameShape(const runtime::Signature &a, const runtime::Signature &b) {
  return a.codeHash == b.codeHash && a.inputs == b.inputs && a.gradients == b.gradients &&
         a.parameters.size() == b.parameters.size() && a.states.size() == b.states.size() &&
         a.metrics.size() == b.metrics.size();
}

/// Whether store() gave that name. The folder may hold other things, which are nobody's to remove.
bool isOurs(std::string_view name) {
  constexpr size_t kDigits = 32; // of dsl::Digest
  return name.find_first_not_of("0123456789abcdef") == kDigits &&
         name.substr(kDigits).starts_with(kSuffix);
}

struct Descriptor {
  explicit Descriptor(int number) : number(number) {}
  Descriptor(const Descriptor &) = delete;
  ~Descriptor() {
    if (number >= 0)
      close(number);
  }
  int number;
};

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

} // namespace

struct Cache::Folder {
  Folder(int descriptor, uint64_t mostBytes) : folder(descriptor), mostBytes(mostBytes) {}

  /// Removes entries, oldest use first, until three quarters of the bound are left.
  void evict() const {
    struct Entry {
      timespec used;
      uint64_t bytes;
      std::string name;
    };
    std::vector<Entry> entries;
    uint64_t total = 0;
    const int descriptor = openat(folder.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
      return;
    DIR *listing = fdopendir(descriptor);
    if (!listing) {
      close(descriptor);
      return;
    }
    while (const dirent *found = readdir(listing)) {
      struct stat status {};
      if (!isOurs(found->d_name) ||
          fstatat(folder.number, found->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
          !S_ISREG(status.st_mode))
        continue;
      total += uint64_t(status.st_size);
      entries.push_back({status.st_mtim, uint64_t(status.st_size), found->d_name});
    }
    closedir(listing);
    if (total <= mostBytes)
      return;
    std::sort(entries.begin(), entries.end(), [](const Entry &a, const Entry &b) {
      return std::pair(a.used.tv_sec, a.used.tv_nsec) < std::pair(b.used.tv_sec, b.used.tv_nsec);
    });
    for (const Entry &entry : entries) {
      if (total <= mostBytes / 4 * 3)
        return;
      unlinkat(folder.number, entry.name.c_str(), 0);
      total -= entry.bytes;
    }
  }

  const Descriptor folder;
  const uint64_t mostBytes;
  std::atomic<unsigned> written = 0;
};

std::string_view buildId() { return DISCO_BUILD_ID; }

std::string Cache::defaultFolder() {
  if (const char *own = std::getenv("DISCO_CACHE"))
    return own;
  if (std::string caches = environment("XDG_CACHE_HOME"); !caches.empty())
    return caches + "/disco";
  const std::string home = environment("HOME");
  return home.empty() ? "" : home + "/.cache/disco";
}

Result<Cache> Cache::open(const std::string &folder, uint64_t mostBytes) {
  const auto failure = [&](const std::string &why) {
    return Error{"the cache of compiled code, " + folder + ", cannot be used: " + why +
                 "; choose another folder with DISCO_CACHE, or use --no-cache"};
  };
  std::error_code ignored; // mkdir says what is wrong
  std::filesystem::create_directories(std::filesystem::path(folder).parent_path(), ignored);
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return failure(std::strerror(errno));
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0)
    return failure(std::strerror(errno));
  auto made = std::make_shared<Folder>(descriptor, mostBytes);
  struct stat status {};
  if (fstat(descriptor, &status) != 0)
    return failure(std::strerror(errno));
  if (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return failure("others may write to it, and what is in it is executed");
  return Cache(std::move(made));
}

std::optional<runtime::KernelImage> Cache::find(const runtime::Signature &signature,
                                                runtime::Target target,
                                                runtime::Dtype dtype) const {
  const std::string name = entryName(signature, target, dtype);
  const Descriptor file(
      openat(folder_->folder.number, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  Result<std::string> bytes = runtime::readBounded(file.number, name, runtime::kMostArtefact);
  if (!bytes)
    return std::nullopt;
  Result<runtime::Artefact> entry = runtime::readArtefact(name, *bytes);
  if (!entry || entry->build != buildId() || entry->images.size() != 1 ||
      entry->images[0].target != target || entry->images[0].dtype != dtype ||
      entry->images[0].abi != runtime::kKernelAbi ||
      !sameShape(entry->images[0].signature, signature)) {
    unlinkat(folder_->folder.number, name.c_str(), 0);
    return std::nullopt;
  }
  futimens(file.number, nullptr); // used now: evict() goes by this time
  entry->images[0].signature = signature;
  return std::move(entry->images[0]);
}

void Cache::store(const runtime::KernelImage &image) {
  const std::string bytes =
      runtime::writeArtefact({.build = std::string(buildId()), .images = {image}});
  const unsigned count = folder_->written++;
  if (count % kCheckEvery == 0)
    folder_->evict();
  const int folder = folder_->folder.number;
  const std::string name = entryName(image.signature, image.target, image.dtype);
  const std::string temporary =
      name + "." + std::to_string(getpid()) + "." + std::to_string(count) + ".new";
  bool whole = false;
  {
    const Descriptor file(openat(folder, temporary.c_str(),
                                 O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    whole =
        file.number >= 0 && write(file.number, bytes.data(), bytes.size()) == ssize_t(bytes.size());
  }
  if (!whole || renameat(folder, temporary.c_str(), folder, name.c_str()) != 0)
    unlinkat(folder, temporary.c_str(), 0);
}

} // namespace disco::compiler
