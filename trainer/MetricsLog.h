// metrics.jsonl: one JSON object per logged step. A resumed run first cuts off what was written
// after its checkpoint, so every step appears once.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <map>
#include <string>

namespace disco::trainer {

class MetricsLog {
public:
  /// Opens for appending after the first `keepBytes` bytes. Error when the file is shorter.
  static Result<MetricsLog> open(const std::string &path, uint64_t keepBytes);
  MetricsLog(MetricsLog &&other) noexcept;
  MetricsLog &operator=(MetricsLog &&) = delete;
  ~MetricsLog();

  /// Non-finite numbers are written as the strings "NaN", "Infinity" and "-Infinity".
  Result<void> append(const std::map<std::string, double> &row);
  /// Waits until what was written is on disk; returns the file's size.
  Result<uint64_t> sync();

private:
  MetricsLog(std::string path, int descriptor, uint64_t bytes)
      : path_(std::move(path)), descriptor_(descriptor), bytes_(bytes) {}
  std::string path_;
  int descriptor_ = -1;
  uint64_t bytes_ = 0;
};

} // namespace disco::trainer
