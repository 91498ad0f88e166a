// See JobRunner.h.
#include "trainer/search/JobRunner.h"

#include "trainer/data/AtomicFile.h"
#include "trainer/search/Text.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <poll.h>
#include <unistd.h>

namespace disco::search {
namespace {

/// A result is a few hundred bytes; more is not one.
constexpr size_t kResultLimit = 64 * 1024;
constexpr size_t kLogTail = 300;

std::string readTail(const std::string &path, size_t limit) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file)
    return "";
  std::streamoff size = file.tellg();
  file.seekg(std::max<std::streamoff>(0, size - static_cast<std::streamoff>(limit)));
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

} // namespace

Result<void> JobRunner::start(const std::string &key, const trainer::JobSpec &spec) {
  std::error_code ignored;
  std::filesystem::remove(path(key, ".result.json"), ignored);
  if (Result<void> written = data::writeFileAtomically(path(key, ".json"), trainer::toJson(spec));
      !written)
    return written.error();
  std::vector<std::string> argv = settings_.command;
  argv.push_back(path(key, ".json"));
  argv.push_back(path(key, ".result.json"));
  Result<ChildProcess> child = ChildProcess::start(argv, path(key, ".log"), settings_.limits);
  if (!child)
    return child.error();
  running_.emplace(key, std::move(*child));
  return {};
}

Result<std::optional<JobRunner::Ended>> JobRunner::wait(std::chrono::milliseconds timeout) {
  std::vector<pollfd> handles;
  auto until = ChildProcess::Clock::now() + timeout;
  for (auto &[key, child] : running_) {
    handles.push_back({child.pollHandle(), POLLIN, 0});
    until = std::min(until, child.deadline());
  }
  auto left =
      std::chrono::ceil<std::chrono::milliseconds>(until - ChildProcess::Clock::now()).count();
  if (poll(handles.data(), handles.size(), static_cast<int>(std::max<int64_t>(0, left))) < 0 &&
      errno != EINTR)
    return Error{std::string("cannot wait for child processes: ") + std::strerror(errno)};
  auto now = ChildProcess::Clock::now();
  for (auto &[key, child] : running_) {
    bool ended = child.ended();
    if (!ended && now < child.deadline())
      continue;
    std::string endedKey = key;
    ChildProcess endedChild = std::move(child);
    running_.erase(endedKey);
    Result<Ended> outcome = collect(endedKey, std::move(endedChild), !ended);
    if (!outcome)
      return outcome.error();
    return std::optional<Ended>(std::move(*outcome));
  }
  return std::optional<Ended>();
}

Result<JobRunner::Ended> JobRunner::collect(const std::string &key, ChildProcess child, bool late) {
  Ended ended{key, std::nullopt, child.finish()};
  if (late)
    ended.failure =
        "killed at its deadline of " +
        std::to_string(std::chrono::ceil<std::chrono::seconds>(settings_.limits.deadline).count()) +
        " s";
  std::string text = readTail(path(key, ".result.json"), kResultLimit);
  if (!late && !text.empty()) {
    if (Result<trainer::JobResult> result = trainer::jobResultFromJson(text))
      ended.result = *result;
    else if (ended.failure.empty())
      ended.failure = result.error().message;
  }
  if (ended.result) {
    ended.failure.clear();
  } else {
    if (ended.failure.empty())
      ended.failure = "wrote no result";
    if (std::string said = oneLine(readTail(path(key, ".log"), kLogTail), kLogTail); !said.empty())
      ended.failure += ": " + said;
  }
  std::error_code ignored;
  std::filesystem::remove(path(key, ".json"), ignored);
  std::filesystem::remove(path(key, ".result.json"), ignored);
  if (ended.result) // the log of a failure stays, for the person who looks for its cause
    std::filesystem::remove(path(key, ".log"), ignored);
  return ended;
}

Result<std::string> ownExecutable() {
  std::error_code problem;
  std::filesystem::path path = std::filesystem::read_symlink("/proc/self/exe", problem);
  if (problem)
    return Error{"/proc/self/exe: " + problem.message()};
  return path.string();
}

} // namespace disco::search
