// Compiled objectives for whoever needs them: from the cache, else from a worker process, which an
// error inside LLVM may end without harm to this one, else, where no worker is wanted, from this
// process.
#pragma once

#include "compiler/Compiler.h"
#include "compiler/service/Budget.h"
#include "compiler/service/Cache.h"

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace disco::compiler {

struct ServiceOptions {
  /// Path of disco-codegen. Empty: compile in this process, where a fatal error inside LLVM ends
  /// it, and so does a compilation that takes too long (Budget.h).
  std::string worker = {};
  /// How many of them; started when first needed, they stay.
  unsigned workers = 1;
  /// Wall time of one compilation, after which its worker is killed. Its CPU time is bounded by the
  /// worker itself.
  std::chrono::milliseconds deadline = kCompileDeadline;
  std::optional<Cache> cache = {};
};

/// What programs offer: the worker beside the running program unless `inProcess`, the cache of the
/// environment (Cache::defaultFolder) unless `noCache`. Errors: no worker is there, or $DISCO_CACHE
/// cannot be used; where one of the other folders cannot, there is no cache.
Result<ServiceOptions> usualService(bool inProcess, bool noCache, unsigned workers = 1);

/// Not thread-safe. A process that is forked while no call runs gets workers of its own.
class Service {
public:
  explicit Service(ServiceOptions options);
  ~Service();
  Service(Service &&) noexcept;
  Service &operator=(Service &&) noexcept;

  /// Starts the workers now, so that they are ready when they are needed.
  void start();

  Result<runtime::KernelImage> compile(const dsl::Program &program,
                                       const HostOptions &options = {});
  /// One result per program; all workers take part. A program whose worker ended is given to
  /// another one once more. Errors: the compiler's, a deadline that passed, two workers that ended,
  /// a worker that could not be started.
  std::vector<Result<runtime::KernelImage>> compileAll(std::span<const dsl::Program> programs,
                                                       const HostOptions &options = {});

  /// How workers ended that were replaced, one line each.
  const std::vector<std::string> &lostWorkers() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace disco::compiler
