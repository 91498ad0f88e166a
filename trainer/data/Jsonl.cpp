#include "trainer/data/Jsonl.h"

#include "trainer/data/JsonNesting.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <unicode/utf8.h>

namespace disco::data {
namespace {

/// Offset of the first byte that is not part of well-formed UTF-8, if any.
std::optional<size_t> findInvalidUtf8(std::string_view text) {
  const char *bytes = text.data();
  int64_t length = static_cast<int64_t>(text.size());
  for (int64_t i = 0; i < length;) {
    int64_t start = i;
    UChar32 c;
    U8_NEXT(bytes, i, length, c);
    if (c < 0)
      return static_cast<size_t>(start);
  }
  return std::nullopt;
}

/// The parser's own words without its "[json.exception.parse_error.101] parse error at line 1,
/// column 7: ".
std::string parserMessage(const nlohmann::json::parse_error &error) {
  std::string message = error.what();
  size_t prefix = message.find(": ");
  return prefix == std::string::npos ? message : message.substr(prefix + 2);
}

const char *typeName(const nlohmann::json &value) {
  return value.is_null() ? "null" : value.type_name();
}

} // namespace

struct JsonlReader::State {
  LineReader lines;
  JsonlLimits limits;
  std::string line;
  nlohmann::json row;
};

JsonlReader::JsonlReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
JsonlReader::JsonlReader(JsonlReader &&) noexcept = default;
JsonlReader &JsonlReader::operator=(JsonlReader &&) noexcept = default;
JsonlReader::~JsonlReader() = default;

Result<JsonlReader> JsonlReader::open(const std::string &path, const JsonlLimits &limits) {
  Result<LineReader> lines = LineReader::open(path, limits);
  if (!lines)
    return lines.error();
  return JsonlReader(std::make_unique<State>(State{*std::move(lines), limits, {}, {}}));
}

std::string JsonlReader::place() const { return state_->lines.place(); }

Result<bool> JsonlReader::next() {
  State &state = *state_;
  do {
    Result<bool> more = state.lines.next(state.line);
    if (!more || !*more)
      return more;
  } while (state.line.find_first_not_of(" \t") == std::string::npos);

  if (auto offset = findInvalidUtf8(state.line))
    return error("invalid UTF-8 at byte " + std::to_string(*offset + 1) + " of the line");
  if (jsonNesting(state.line) > state.limits.depth)
    return error("nested deeper than " + std::to_string(state.limits.depth) + " levels, the limit");
  std::set<std::string> fields;
  std::string repeated;
  const auto noteField = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json &key) {
    if (event == nlohmann::json::parse_event_t::key && depth == 1 &&
        !fields.insert(key.get<std::string>()).second)
      repeated = key.get<std::string>();
    return true;
  };
  try {
    state.row = nlohmann::json::parse(state.line, noteField);
  } catch (const nlohmann::json::parse_error &failure) {
    return error("not JSON: " + parserMessage(failure) + " (byte " + std::to_string(failure.byte) +
                 " of the line)");
  } catch (const nlohmann::json::out_of_range &) {
    return error("a number is too large for a double");
  }
  if (!state.row.is_object())
    return error(std::string("a row must be an object, this one is ") + typeName(state.row));
  if (!repeated.empty())
    return error("field `" + repeated + "` is given twice");
  return true;
}

Result<std::string> JsonlReader::string(const std::string &field) const {
  auto found = state_->row.find(field);
  if (found == state_->row.end())
    return error("field `" + field + "` is missing");
  if (!found->is_string())
    return error("field `" + field + "` must be a string, it is " + typeName(*found));
  return found->get<std::string>();
}

Result<int64_t> JsonlReader::integer(const std::string &field) const {
  auto found = state_->row.find(field);
  if (found == state_->row.end())
    return error("field `" + field + "` is missing");
  if (!found->is_number_integer())
    return error("field `" + field + "` must be an integer, it is " + typeName(*found));
  return found->get<int64_t>();
}

Result<double> JsonlReader::number(const std::string &field) const {
  auto found = state_->row.find(field);
  if (found == state_->row.end())
    return error("field `" + field + "` is missing");
  if (!found->is_number())
    return error("field `" + field + "` must be a number, it is " + typeName(*found));
  return found->get<double>();
}

bool JsonlReader::has(const std::string &field) const { return state_->row.contains(field); }

struct JsonlRow::State {
  nlohmann::ordered_json row = nlohmann::ordered_json::object();
};

JsonlRow::JsonlRow() : state_(std::make_unique<State>()) {}
JsonlRow::JsonlRow(JsonlRow &&) noexcept = default;
JsonlRow::~JsonlRow() = default;

JsonlRow &JsonlRow::add(const std::string &field, const std::string &value) {
  state_->row[field] = value;
  return *this;
}
JsonlRow &JsonlRow::add(const std::string &field, int64_t value) {
  state_->row[field] = value;
  return *this;
}
JsonlRow &JsonlRow::add(const std::string &field, double value) {
  state_->row[field] = value;
  return *this;
}

std::string JsonlRow::line() const {
  return state_->row.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

} // namespace disco::data
