// Programs, folders and workers for the tests of the service.
#pragma once

#include "compiler/service/Service.h"
#include "dsl/Dsl.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <stdexcept>

namespace disco::compiler {

inline dsl::Program programOf(const std::string &text) {
  const Source source("test.dpo", text);
  Diagnostics found;
  std::optional<dsl::Program> program = dsl::compileSource(source, found);
  if (!program)
    throw std::runtime_error(renderDiagnostics(source, found.sorted()));
  return std::move(*program);
}

inline dsl::Program lossOf(const std::string &loss) {
  return programOf("objective x { param beta = 0.1 in [1e-3, 10] log; loss = " + loss + "; }");
}

/// A folder of this test's own, empty, gone with the object.
class Folder {
public:
  Folder() {
    std::string name = testing::TempDir() + "disco-service-XXXXXX";
    path_ = mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string path(const std::string &name = "") const { return path_ + "/" + name; }

private:
  std::string path_;
};

inline Cache cacheIn(const Folder &folder, uint64_t mostBytes = 1 << 20) {
  Result<Cache> cache = Cache::open(folder.path("cache"), mostBytes);
  if (!cache)
    throw std::runtime_error(cache.error().message);
  return std::move(*cache);
}

} // namespace disco::compiler
