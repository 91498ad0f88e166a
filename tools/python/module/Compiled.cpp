#include "tools/python/module/Compiled.h"

#include <map>
#include <mutex>

namespace disco::python {

namespace {
struct Registry {
  std::mutex mutex;
  std::map<int64_t, std::shared_ptr<const Compiled>> kernels;
};

/// Never destroyed: graphs may be run while the interpreter goes down.
Registry &registry() {
  static auto *instance = new Registry;
  return *instance;
}
} // namespace

bool enlist(std::shared_ptr<const Compiled> compiled) {
  std::lock_guard<std::mutex> lock(registry().mutex);
  const auto [place, isNew] = registry().kernels.try_emplace(compiled->key, compiled);
  const runtime::Signature &ours = compiled->kernel.signature;
  const runtime::Signature &theirs = place->second->kernel.signature;
  return isNew || (theirs.codeHash == ours.codeHash && theirs.inputs == ours.inputs);
}

std::shared_ptr<const Compiled> enlisted(int64_t key) {
  std::lock_guard<std::mutex> lock(registry().mutex);
  const auto found = registry().kernels.find(key);
  return found == registry().kernels.end() ? nullptr : found->second;
}

} // namespace disco::python
