// Compiled code on disk, found again by what it was compiled from: the program, the build of the
// compiler and what it was asked for. Whatever is wrong with an entry, it counts as absent.
#pragma once

#include "dsl/support/Result.h"
#include "runtime/KernelImage.h"

#include <memory>
#include <optional>
#include <string>

namespace disco::compiler {

/// The identity of this build's compiler. Code of another one is never taken from the cache.
std::string_view buildId();

class Cache {
public:
  /// $DISCO_CACHE if it is set, an empty one meaning none; else $XDG_CACHE_HOME/disco; else
  /// $HOME/.cache/disco. Empty for none.
  static std::string defaultFolder();

  /// Makes the folder where it is missing. What is in it will be executed: a folder that somebody
  /// else owns or may write to is an error. `mostBytes` bounds the size of its entries; those that
  /// were used least recently go first. Other files in it stay.
  static Result<Cache> open(const std::string &folder, uint64_t mostBytes = uint64_t{256} << 20);

  /// The image of a program with this signature, with the signature's names and defaults.
  std::optional<runtime::KernelImage> find(const runtime::Signature &signature,
                                           runtime::Target target, runtime::Dtype dtype) const;
  /// Readers see the whole entry or none. That an entry could not be written is not reported: the
  /// next compilation does without it.
  void store(const runtime::KernelImage &image);

private:
  struct Folder;
  explicit Cache(std::shared_ptr<Folder> folder) : folder_(std::move(folder)) {}
  std::shared_ptr<Folder> folder_;
};

} // namespace disco::compiler
