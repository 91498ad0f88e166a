// Appending with plain writes, so that a killed process loses at most the line it was writing.
#include "trainer/MetricsLog.h"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

namespace disco::trainer {
namespace {

Error failure(const std::string &path, const char *what) {
  return {path + ": cannot " + what + ": " + std::strerror(errno)};
}

nlohmann::json number(double value) {
  if (std::isnan(value))
    return "NaN";
  if (std::isinf(value))
    return value > 0 ? "Infinity" : "-Infinity";
  if (value == std::floor(value) && std::abs(value) < 1e15)
    return static_cast<int64_t>(value);
  return value;
}

} // namespace

Result<MetricsLog> MetricsLog::open(const std::string &path, uint64_t keepBytes) {
  int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor < 0)
    return failure(path, "open");
  MetricsLog log(path, descriptor, keepBytes);
  struct stat status;
  if (::fstat(descriptor, &status) != 0)
    return failure(path, "examine");
  if (static_cast<uint64_t>(status.st_size) < keepBytes)
    return Error{path + ": shorter than when the checkpoint was made"};
  if (::ftruncate(descriptor, static_cast<off_t>(keepBytes)) != 0 ||
      ::lseek(descriptor, static_cast<off_t>(keepBytes), SEEK_SET) < 0)
    return failure(path, "truncate");
  return log;
}

MetricsLog::MetricsLog(MetricsLog &&other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)),
      bytes_(other.bytes_) {}

MetricsLog::~MetricsLog() {
  if (descriptor_ >= 0)
    ::close(descriptor_);
}

Result<void> MetricsLog::append(const std::map<std::string, double> &row) {
  nlohmann::json object;
  for (const auto &[key, value] : row)
    object[key] = number(value);
  std::string line = object.dump() + "\n";
  for (size_t done = 0; done < line.size();) {
    ssize_t count = ::write(descriptor_, line.data() + done, line.size() - done);
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return failure(path_, "write");
    done += static_cast<size_t>(count);
  }
  bytes_ += line.size();
  return {};
}

Result<uint64_t> MetricsLog::sync() {
  if (::fsync(descriptor_) != 0)
    return failure(path_, "write");
  return bytes_;
}

} // namespace disco::trainer
