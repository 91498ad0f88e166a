// See Service.h.
#include "compiler/service/Service.h"

#include "compiler/service/WorkerProcess.h"
#include "runtime/Artefact.h"

#include <algorithm>
#include <cstdlib>
#include <deque>

#include <poll.h>
#include <unistd.h>

namespace disco::compiler {

namespace {

using Clock = std::chrono::steady_clock;
using Images = std::vector<std::optional<Result<runtime::KernelImage>>>;

/// How long a worker may take until it is ready; it loads LLVM and warms up.
constexpr std::chrono::seconds kStartDeadline{30};
constexpr unsigned kAttempts = 2;
/// Workers that end before they are ready, one after the other, until no more are started.
constexpr unsigned kMostFailedStarts = 3;

/// The image that a worker sent for `signature`, which has its own names in it.
Result<runtime::KernelImage> received(const std::string &bytes, const runtime::Signature &signature,
                                      const HostOptions &options) {
  Result<runtime::Artefact> artefact =
      runtime::readArtefact("the answer of a code generator", bytes);
  if (!artefact)
    return artefact.error();
  runtime::KernelImage &image = artefact->images[0];
  if (image.signature.codeHash != signature.codeHash ||
      image.signature.inputs != signature.inputs || image.target != options.target ||
      image.dtype != options.dtype)
    return Error{"a code generator answered with the code of another objective"};
  image.signature = signature;
  return std::move(image);
}

} // namespace

struct Service::State {
  struct Worker {
    std::optional<WorkerProcess> process;
    bool ready = false;
    std::optional<size_t> task; // index of the program it compiles
    Clock::time_point deadline;
  };
  /// One call of compileAll.
  struct Batch {
    std::span<const dsl::Program> programs;
    HostOptions options;
    std::vector<runtime::Signature> signatures;
    Images images;
    std::vector<unsigned> attempts;
    std::deque<size_t> waiting;
    size_t left = 0;
  };

  explicit State(ServiceOptions given) : options(std::move(given)) {
    if (!options.worker.empty())
      workers.resize(std::max(1u, options.workers));
  }

  /// A process that was forked has no workers yet.
  void forgetForeign() {
    for (Worker &worker : workers)
      if (worker.process && !worker.process->isOurs())
        worker = {};
  }

  void start(Worker &worker) {
    Result<WorkerProcess> process = WorkerProcess::start(options.worker);
    if (!process)
      return startFailed(process.error().message);
    worker.process = std::move(*process);
    worker.ready = false;
    worker.deadline = Clock::now() + kStartDeadline;
  }
  void startFailed(std::string problem) {
    ++failedStarts;
    startProblem = std::move(problem);
  }

  void settle(Batch &batch, size_t index, Result<runtime::KernelImage> image) {
    if (image && options.cache)
      options.cache->store(*image);
    batch.images[index] = std::move(image);
    --batch.left;
  }

  /// Gives waiting programs to workers that are ready, and starts those that are missing.
  void assign(Batch &batch) {
    size_t starting = 0; // no more than there are programs for
    for (Worker &worker : workers) {
      if (batch.waiting.size() <= starting)
        return;
      if (!worker.process && failedStarts < kMostFailedStarts)
        start(worker);
      starting += worker.process && !worker.ready;
      if (!worker.process || !worker.ready || worker.task)
        continue;
      const size_t index = batch.waiting.front();
      if (!worker.process->send(compileMessage(batch.programs[index], batch.options))) {
        lose(batch, worker, nullptr, false); // it was ended while it had nothing to do
        continue;
      }
      batch.waiting.pop_front();
      ++batch.attempts[index];
      worker.task = index;
      worker.deadline = Clock::now() + options.deadline;
    }
  }

  /// Ends a worker. Its program is tried once more, unless it was too slow.
  void lose(Batch &batch, Worker &worker, const char *reason, bool late) {
    const WorkerProcess::Ending ending = worker.process->finish();
    worker.process.reset();
    const std::string how = reason ? reason : ending.how;
    lost.push_back(how);
    if (!worker.ready)
      startFailed(options.worker + ": the code generator " + how);
    if (!worker.task)
      return;
    const size_t index = *worker.task;
    worker.task.reset();
    const std::string what = "compiling `" + batch.programs[index].name + "` ";
    if (late || ending.outOfTime)
      settle(batch, index,
             Error{what + (late ? "was not done after " + std::to_string(options.deadline.count()) +
                                      " ms and was ended"
                                : "took more CPU time than a compilation may")});
    else if (batch.attempts[index] < kAttempts)
      batch.waiting.push_front(index);
    else
      settle(batch, index,
             Error{what + "ended the code generator " + std::to_string(kAttempts) +
                   " times; at last it " + how});
  }

  void listen(Batch &batch, Worker &worker) {
    Result<std::optional<Message>> message = worker.process->receive();
    if (!message)
      return lose(batch, worker, nullptr, false);
    if (!*message)
      return;
    const bool hello = (*message)->kind == MessageKind::Hello;
    if (!worker.ready && hello && (*message)->content == buildId()) {
      worker.ready = true;
      failedStarts = 0;
      return;
    }
    if (!worker.ready || hello || !worker.task)
      return lose(batch, worker, "is of another build", false);
    const size_t index = *worker.task;
    worker.task.reset();
    if ((*message)->kind == MessageKind::Refused)
      settle(batch, index, Error{(*message)->content});
    else
      settle(batch, index, received((*message)->content, batch.signatures[index], batch.options));
  }

  /// Waits until a worker has something to say or its time is over.
  void wait(Batch &batch) {
    std::vector<pollfd> handles;
    std::vector<Worker *> polled;
    Clock::time_point next = Clock::time_point::max();
    for (Worker &worker : workers)
      if (worker.process && (worker.task || !worker.ready)) {
        handles.push_back({worker.process->pollHandle(), POLLIN, 0});
        polled.push_back(&worker);
        next = std::min(next, worker.deadline);
      }
    if (polled.empty())
      return;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    poll(handles.data(), handles.size(), int(std::max<int64_t>(0, left.count())));
    for (size_t i = 0; i < polled.size(); ++i) {
      if (handles[i].revents != 0)
        listen(batch, *polled[i]);
      else if (Clock::now() >= polled[i]->deadline)
        lose(batch, *polled[i], "was not ready in time", true);
    }
  }

  void run(Batch &batch) {
    while (batch.left > 0) {
      assign(batch);
      const bool anybody = std::any_of(workers.begin(), workers.end(),
                                       [](const Worker &worker) { return bool(worker.process); });
      if (!anybody && failedStarts >= kMostFailedStarts) {
        failedStarts = 0; // a later call tries again
        for (size_t index : batch.waiting)
          settle(batch, index, Error{startProblem});
        return;
      }
      wait(batch);
    }
  }

  ServiceOptions options;
  std::optional<Compiler> inProcess;
  std::vector<Worker> workers;
  unsigned failedStarts = 0; // since the last that went well
  std::string startProblem;
  std::vector<std::string> lost;
};

Service::Service(ServiceOptions options) : state_(std::make_unique<State>(std::move(options))) {}
Service::~Service() = default;
Service::Service(Service &&) noexcept = default;
Service &Service::operator=(Service &&) noexcept = default;

void Service::start() {
  state_->forgetForeign();
  for (State::Worker &worker : state_->workers)
    if (!worker.process)
      state_->start(worker);
}

const std::vector<std::string> &Service::lostWorkers() const { return state_->lost; }

Result<runtime::KernelImage> Service::compile(const dsl::Program &program,
                                              const HostOptions &options) {
  return std::move(compileAll({&program, 1}, options)[0]);
}

std::vector<Result<runtime::KernelImage>>
Service::compileAll(std::span<const dsl::Program> programs, const HostOptions &options) {
  state_->forgetForeign();
  State::Batch batch{programs, options, {}, Images(programs.size()), {}, {}, programs.size()};
  batch.attempts.resize(programs.size());
  for (size_t i = 0; i < programs.size(); ++i) {
    batch.signatures.push_back(signatureOf(programs[i]));
    std::optional<runtime::KernelImage> cached;
    if (state_->options.cache)
      cached = state_->options.cache->find(batch.signatures[i], options.target, options.dtype);
    if (cached) {
      batch.images[i] = std::move(*cached);
      --batch.left;
    } else if (state_->options.worker.empty()) {
      if (!state_->inProcess)
        state_->inProcess.emplace();
      const InProcessBudget budget("compiling `" + programs[i].name + "`",
                                   state_->options.deadline);
      state_->settle(batch, i, state_->inProcess->compileImage(programs[i], options));
    } else {
      batch.waiting.push_back(i);
    }
  }
  state_->run(batch);
  std::vector<Result<runtime::KernelImage>> results;
  for (std::optional<Result<runtime::KernelImage>> &image : batch.images)
    results.push_back(std::move(*image));
  return results;
}

Result<ServiceOptions> usualService(bool inProcess, bool noCache, unsigned workers) {
  ServiceOptions options;
  options.workers = workers;
  const std::string folder = noCache ? "" : Cache::defaultFolder();
  if (!folder.empty()) {
    Result<Cache> cache = Cache::open(folder);
    if (cache)
      options.cache = std::move(*cache);
    else if (std::getenv("DISCO_CACHE")) // asked for
      return cache.error();
  }
  if (inProcess)
    return options;
  char path[4096];
  const ssize_t size = readlink("/proc/self/exe", path, sizeof path);
  if (size <= 0 || size_t(size) == sizeof path)
    return Error{"cannot find the folder of the running program; use --in-process"};
  const std::string own(path, size_t(size));
  options.worker = own.substr(0, own.rfind('/') + 1) + "disco-codegen";
  if (access(options.worker.c_str(), X_OK) != 0)
    return Error{options.worker + ": the code generator is not there; use --in-process"};
  return options;
}

} // namespace disco::compiler
