// Reading JSON Lines, plain or compressed (.gz, .zst, .xz), from sources that are not trusted:
// bounded line length, bounded nesting, bounded decompression, checked UTF-8. Every error starts
// with `file:line`. Knows nothing of what the rows mean.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace disco::data {

struct JsonlLimits {
  uint64_t lineBytes = uint64_t{4} << 20;
  uint64_t totalBytes = uint64_t{16} << 30; // after decompression
  double ratio = 200;                       // decompressed to compressed, once 16 MiB came out
  size_t depth = 64;                        // nested arrays and objects
};

/// Text lines without their end (`\n` or `\r\n`), decompressed by the file name's last extension.
/// A byte order mark at the start of the file is skipped.
class LineReader {
public:
  static Result<LineReader> open(const std::string &path, const JsonlLimits &limits = {});
  LineReader(LineReader &&) noexcept;
  LineReader &operator=(LineReader &&) noexcept;
  ~LineReader();

  /// Reads the next line into `line`; false at the end of the file.
  Result<bool> next(std::string &line);
  /// `file:line` of the line last read.
  std::string place() const;

private:
  struct State;
  explicit LineReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Rows of a JSON Lines file, each an object. Blank lines are skipped.
class JsonlReader {
public:
  static Result<JsonlReader> open(const std::string &path, const JsonlLimits &limits = {});
  JsonlReader(JsonlReader &&) noexcept;
  JsonlReader &operator=(JsonlReader &&) noexcept;
  ~JsonlReader();

  /// Moves to the next row; false at the end of the file.
  Result<bool> next();

  /// Fields of the current row. A missing field or one of another type is an error naming place and
  /// field.
  Result<std::string> string(const std::string &field) const;
  Result<int64_t> integer(const std::string &field) const;
  Result<double> number(const std::string &field) const;
  bool has(const std::string &field) const;

  /// `file:line` of the current row.
  std::string place() const;
  /// An error at the current row.
  Error error(const std::string &what) const { return {place() + ": " + what}; }

private:
  struct State;
  explicit JsonlReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// Builds one row at a time: JsonlRow().add("id", 1).add("prompt", text).line(). Strings are UTF-8;
/// bytes that are not become U+FFFD.
class JsonlRow {
public:
  JsonlRow();
  JsonlRow(JsonlRow &&) noexcept;
  ~JsonlRow();
  JsonlRow &add(const std::string &field, const std::string &value);
  JsonlRow &add(const std::string &field, int64_t value);
  JsonlRow &add(const std::string &field, double value);
  /// The row with its line end, fields in the order they were added.
  std::string line() const;

private:
  struct State;
  std::unique_ptr<State> state_;
};

} // namespace disco::data
