#include "tools/python/module/Compiled.h"

#include <algorithm>
#include <map>
#include <mutex>

namespace disco::python {

namespace {
struct Registry {
  std::mutex mutex;
  /// Objectives that differ in their parameters alone have one key.
  std::multimap<int64_t, std::weak_ptr<const Compiled>> kernels;
};

/// Never destroyed: graphs may be run while the interpreter goes down.
Registry &registry() {
  static auto *instance = new Registry;
  return *instance;
}

} // namespace

bool enlist(const std::shared_ptr<const Compiled> &compiled) {
  std::lock_guard<std::mutex> lock(registry().mutex);
  auto &kernels = registry().kernels;
  std::erase_if(kernels, [](const auto &entry) { return entry.second.expired(); });
  const auto [begin, end] = kernels.equal_range(compiled->key);
  const bool isAlone = std::all_of(begin, end, [&](const auto &entry) {
    const auto other = entry.second.lock();
    return !other || other->kernel.signature.codeHash == compiled->kernel.signature.codeHash;
  });
  if (isAlone)
    kernels.emplace(compiled->key, compiled);
  return isAlone;
}

std::shared_ptr<const Compiled> enlisted(int64_t key) {
  std::lock_guard<std::mutex> lock(registry().mutex);
  const auto [begin, end] = registry().kernels.equal_range(key);
  for (auto entry = begin; entry != end; ++entry)
    if (auto compiled = entry->second.lock())
      return compiled;
  return nullptr;
}

} // namespace disco::python
