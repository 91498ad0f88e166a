#include "tools/discoc/BatchJson.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

namespace disco::discoc {

namespace {

using Json = nlohmann::ordered_json;
using dsl::Input;

std::string tick(const std::string &text) { return "`" + text + "`"; }

/// Text from outside, for a message: shortened, printable.
std::string printable(std::string text, size_t limit) {
  if (text.size() > limit)
    text = text.substr(0, limit) + "...";
  for (char &c : text)
    if (c < ' ' || c > '~')
      c = '?';
  return text;
}
std::string foreign(const std::string &name) { return tick(printable(name, 64)); }

std::string knownColumns() {
  std::string text;
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    if (dsl::inputExtent(Input(i)) == dsl::Extent::Pair)
      text += (text.empty() ? "" : ", ") + std::string(dsl::inputName(Input(i)));
  return text;
}

/// Receives the tokens of the text one by one and keeps numbers only: an object of arrays of
/// numbers, nothing deeper.
class BatchReader : public nlohmann::json_sax<Json> {
public:
  std::string error; // the first thing wrong
  std::array<std::optional<std::vector<double>>, dsl::kInputCount> columns;

  bool null() override { return number(std::nullopt, "null"); }
  bool boolean(bool value) override { return number(std::nullopt, value ? "true" : "false"); }
  bool number_integer(number_integer_t value) override { return number(double(value), ""); }
  bool number_unsigned(number_unsigned_t value) override { return number(double(value), ""); }
  bool number_float(number_float_t value, const string_t &) override { return number(value, ""); }
  bool string(string_t &text) override {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    if (text == "NaN")
      return number(std::numeric_limits<double>::quiet_NaN(), "");
    if (text == "Infinity")
      return number(infinity, "");
    if (text == "-Infinity")
      return number(-infinity, "");
    return number(std::nullopt, "the string " + foreign(text));
  }
  bool binary(binary_t &) override { return number(std::nullopt, "binary data"); }

  bool start_object(size_t) override {
    if (++depth_ == 1)
      return true;
    return fail(where() + ": expected " + (depth_ == 2 ? "an array of numbers" : "a number") +
                ", found an object");
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool key(string_t &name) override {
    column_ = dsl::inputByName(name);
    if (!column_)
      return fail("unknown column " + foreign(name) + "; the columns are " + knownColumns());
    if (dsl::inputExtent(*column_) == dsl::Extent::Batch)
      return fail(tick(name) + " is not a column: it is the number of pairs");
    if (columns[size_t(*column_)])
      return fail("column " + tick(name) + " is given twice");
    return true;
  }
  bool start_array(size_t) override {
    if (++depth_ == 2) {
      columns[size_t(*column_)].emplace();
      return true;
    }
    if (depth_ == 1)
      return fail("expected an object of columns, found an array");
    return fail(where() + ": expected a number, found an array");
  }
  bool end_array() override {
    --depth_;
    return true;
  }
  bool parse_error(size_t position, const std::string &,
                   const nlohmann::detail::exception &exception) override {
    // The library's text: "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    std::string text = exception.what();
    text.erase(0, text.find("] ") + 2);
    const std::string place = "parse error at ";
    return fail(text.rfind(place, 0) == 0
                    ? printable(text.substr(place.size()), 200)
                    : "byte " + std::to_string(position) + ": " + printable(text, 200));
  }

private:
  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }
  /// The place of the value being read.
  std::string where() const {
    if (!column_)
      return "the batch";
    std::string name(dsl::inputName(*column_));
    const auto &column = columns[size_t(*column_)];
    return column ? name + "[" + std::to_string(column->size()) + "]" : name;
  }
  bool number(std::optional<double> value, const std::string &found) {
    if (depth_ == 0)
      return fail("expected an object of columns, found " + (value ? "a number" : found));
    if (depth_ == 1)
      return fail(where() + ": expected an array of numbers, found " +
                  (value ? "a number" : found));
    if (!value)
      return fail(where() + ": expected a number, \"NaN\", \"Infinity\" or \"-Infinity\", found " +
                  found);
    const bool isLength = *column_ == Input::chosen_length || *column_ == Input::rejected_length;
    if (isLength && !(*value >= 1 && std::isfinite(*value) && *value == std::floor(*value)))
      return fail(where() + ": a length is a whole number of at least 1");
    columns[size_t(*column_)]->push_back(*value);
    return true;
  }

  size_t depth_ = 0; // open objects and arrays; never more than 3
  std::optional<Input> column_;
};

Json numberJson(double value) {
  if (std::isnan(value))
    return "NaN";
  if (std::isinf(value))
    return value > 0 ? "Infinity" : "-Infinity";
  return value;
}

Json arrayJson(const std::vector<double> &values) {
  Json array = Json::array();
  for (double value : values)
    array.push_back(numberJson(value));
  return array;
}

} // namespace

Result<BatchColumns> readBatch(const std::string &json, const std::vector<Input> &required) {
  BatchReader reader;
  if (!Json::sax_parse(json, &reader))
    return Error{reader.error};
  BatchColumns batch;
  std::optional<size_t> first;
  for (size_t i = 0; i < dsl::kInputCount; ++i) {
    if (!reader.columns[i])
      continue;
    batch.columns[i] = std::move(*reader.columns[i]);
    if (!first) {
      first = i;
      batch.pairs = batch.columns[i].size();
    } else if (batch.columns[i].size() != batch.pairs) {
      return Error{"columns differ in length: " + std::string(dsl::inputName(Input(*first))) +
                   " has " + std::to_string(batch.pairs) + " pairs, " +
                   std::string(dsl::inputName(Input(i))) + " has " +
                   std::to_string(batch.columns[i].size())};
    }
  }
  for (Input input : required)
    if (!reader.columns[size_t(input)])
      return Error{"the objective reads " + tick(std::string(dsl::inputName(input))) +
                   ", which the batch lacks"};
  return batch;
}

std::string evaluationJson(const dsl::Program &program, const dsl::Evaluation &evaluation) {
  Json gradients = Json::object(), metrics = Json::object();
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    if (!evaluation.gradients[i].empty())
      gradients[std::string(dsl::inputName(Input(i)))] = arrayJson(evaluation.gradients[i]);
  for (size_t i = 0; i < program.metrics.size(); ++i)
    metrics[program.metrics[i].name] = numberJson(evaluation.metrics[i]);
  const Json result = {{"loss", numberJson(evaluation.loss)},
                       {"losses", arrayJson(evaluation.losses)},
                       {"gradients", gradients},
                       {"rewards",
                        {{"chosen", arrayJson(evaluation.chosenRewards)},
                         {"rejected", arrayJson(evaluation.rejectedRewards)}}},
                       {"metrics", metrics}};
  // One line a key: arrays stay readable.
  std::string text = "{";
  const char *separator = "\n  ";
  for (const auto &[key, value] : result.items()) {
    text += separator + Json(key).dump() + ": " + value.dump();
    separator = ",\n  ";
  }
  return text + "\n}\n";
}

} // namespace disco::discoc
