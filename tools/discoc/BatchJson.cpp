#include "tools/discoc/BatchJson.h"

#include "dsl/Dsl.h"

#include <algorithm>
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

bool isPosition(Input input) {
  return input == Input::chosen_token_index || input == Input::rejected_token_index;
}

/// What a key of the batch holds.
enum class Section {
  Pairs,    // a number per pair
  Tokens,   // an array of numbers per pair
  Progress, // a number
  Columns,  // arrays of a number per pair, by name
  States,   // numbers, by name
};

std::string knownKeys() {
  std::string text;
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    if (dsl::inputExtent(Input(i)) != dsl::Extent::Batch && !isPosition(Input(i)))
      text += std::string(dsl::inputName(Input(i))) + ", ";
  return text + "progress, columns, states";
}

template <typename Named>
std::optional<size_t> indexOf(const std::vector<Named> &list, const std::string &name) {
  const auto at =
      std::find_if(list.begin(), list.end(), [&](const Named &each) { return each.name == name; });
  return at == list.end() ? std::nullopt : std::optional(size_t(at - list.begin()));
}

template <typename Named> std::string namesOf(const std::vector<Named> &list) {
  std::string text;
  for (const Named &each : list)
    text += (text.empty() ? tick(each.name) : ", " + tick(each.name));
  return text.empty() ? "none" : text;
}

/// Numbers with a name, row after row where they are of tokens.
struct Numbers {
  std::string name;
  std::vector<double> values;
  std::vector<size_t> offsets; // of tokens: where each row begins, and the end
  bool isLength = false;
  size_t pairs() const { return offsets.empty() ? values.size() : offsets.size() - 1; }
};

/// Receives the tokens of the text one by one and keeps numbers only; three levels, nothing deeper.
class BatchReader : public nlohmann::json_sax<Json> {
public:
  explicit BatchReader(const dsl::Program &program)
      : dataColumns(program.columns.size()), states(program.states.size()), program_(program) {}

  std::string error; // the first thing wrong
  std::array<std::optional<Numbers>, dsl::kInputCount> columns;
  std::vector<std::optional<Numbers>> dataColumns;
  std::vector<std::optional<double>> states;
  std::optional<double> progress;
  const Numbers *first = nullptr; // the first column of the text

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
    if (depth_ == 0 ||
        (depth_ == 1 && (section_ == Section::Columns || section_ == Section::States))) {
      ++depth_;
      return true;
    }
    return unexpected("an object");
  }
  bool end_object() override {
    --depth_;
    return true;
  }
  bool key(string_t &name) override { return depth_ == 1 ? topKey(name) : innerKey(name); }
  bool start_array(size_t) override {
    const bool opens =
        depth_ == 1 ? section_ == Section::Pairs || section_ == Section::Tokens
                    : depth_ == 2 && (section_ == Section::Tokens || section_ == Section::Columns);
    if (!opens)
      return unexpected("an array");
    if (section_ == Section::Tokens && depth_ == 1)
      open_->offsets.push_back(0);
    ++depth_;
    return true;
  }
  bool end_array() override {
    if (section_ == Section::Tokens && depth_ == 3)
      open_->offsets.push_back(open_->values.size());
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

  bool topKey(const std::string &name) {
    name_ = name;
    open_ = nullptr;
    if (name == "columns" || name == "states") {
      section_ = name == "columns" ? Section::Columns : Section::States;
      return true;
    }
    const std::optional<Input> input = dsl::inputByName(name);
    if (!input)
      return fail("unknown column " + foreign(name) + "; the columns are " + knownKeys());
    if (*input == Input::batch_size)
      return fail(tick(name) + " is not a column: it is the number of pairs");
    if (isPosition(*input))
      return fail(tick(name) + " is not a column: it counts the tokens");
    if (*input == Input::progress) {
      section_ = Section::Progress;
      return true;
    }
    if (columns[size_t(*input)])
      return fail("column " + tick(name) + " is given twice");
    section_ = dsl::isToken(dsl::inputExtent(*input)) ? Section::Tokens : Section::Pairs;
    open(columns[size_t(*input)]);
    open_->isLength = *input == Input::chosen_length || *input == Input::rejected_length;
    return true;
  }
  bool innerKey(const std::string &name) {
    const bool isColumn = section_ == Section::Columns;
    const std::optional<size_t> index =
        isColumn ? indexOf(program_.columns, name) : indexOf(program_.states, name);
    if (!index)
      return fail("the objective has no " + std::string(isColumn ? "column " : "state ") +
                  foreign(name) + "; it has " +
                  (isColumn ? namesOf(program_.columns) : namesOf(program_.states)));
    if (isColumn ? dataColumns[*index].has_value() : states[*index].has_value())
      return fail((isColumn ? "column " : "state ") + tick(name) + " is given twice");
    name_ = (isColumn ? "columns." : "states.") + name;
    if (isColumn)
      open(dataColumns[*index]);
    else
      state_ = *index;
    return true;
  }
  void open(std::optional<Numbers> &column) {
    open_ = &column.emplace();
    open_->name = name_;
    if (!first)
      first = open_;
  }

  /// The place of the value being read.
  std::string where() const {
    if (depth_ == 0)
      return "the batch";
    const auto index = [](size_t i) { return "[" + std::to_string(i) + "]"; };
    if (section_ == Section::Tokens && depth_ >= 2)
      return name_ + index(open_->offsets.size() - 1) +
             (depth_ == 3 ? index(open_->values.size() - open_->offsets.back()) : "");
    const bool inArray = (section_ == Section::Pairs && depth_ == 2) ||
                         (section_ == Section::Columns && depth_ == 3);
    return inArray ? name_ + index(open_->values.size()) : name_;
  }
  bool expectsNumber() const {
    switch (section_) {
    case Section::Pairs:
    case Section::States:
      return depth_ == 2;
    case Section::Tokens:
    case Section::Columns:
      return depth_ == 3;
    case Section::Progress:
      return depth_ == 1;
    }
    return false;
  }
  bool unexpected(const std::string &found) {
    std::string expected = "an array of numbers";
    if (depth_ == 0)
      return fail("expected an object of columns, found " + found);
    if (expectsNumber())
      expected = "a number";
    else if (depth_ == 1 && section_ == Section::Tokens)
      expected = "an array of numbers for each pair";
    else if (depth_ == 1 && section_ != Section::Pairs)
      expected = section_ == Section::Columns ? "an object of columns" : "an object of numbers";
    return fail(where() + ": expected " + expected + ", found " + found);
  }
  bool number(std::optional<double> value, const std::string &found) {
    if (depth_ == 0 || !expectsNumber())
      return unexpected(value ? "a number" : found);
    if (!value)
      return fail(where() + ": expected a number, \"NaN\", \"Infinity\" or \"-Infinity\", found " +
                  found);
    if (section_ == Section::States) {
      states[state_] = *value;
    } else if (section_ == Section::Progress) {
      if (progress)
        return fail("`progress` is given twice");
      if (!(*value >= 0 && *value < 1))
        return fail("progress: the fraction of steps done lies in [0, 1)");
      progress = *value;
    } else {
      if (open_->isLength &&
          !(*value >= 1 && std::isfinite(*value) && *value == std::floor(*value)))
        return fail(where() + ": a length is a whole number of at least 1");
      open_->values.push_back(*value);
    }
    return true;
  }

  const dsl::Program &program_;
  size_t depth_ = 0; // open objects and arrays; never more than 3
  Section section_ = Section::Pairs;
  std::string name_;        // of what is being read: `columns.weight`
  Numbers *open_ = nullptr; // the column being read
  size_t state_ = 0;
};

std::string counted(size_t count, const std::string &what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// Every column has as many pairs as the first.
std::optional<Error> differingPairs(const BatchReader &reader) {
  const auto differs = [&](const std::optional<Numbers> &column) {
    return column && column->pairs() != reader.first->pairs();
  };
  for (const auto *list : {reader.columns.data(), reader.dataColumns.data()}) {
    const size_t count =
        list == reader.columns.data() ? reader.columns.size() : reader.dataColumns.size();
    for (size_t i = 0; i < count; ++i)
      if (differs(list[i]))
        return Error{"columns differ in length: " + reader.first->name + " has " +
                     counted(reader.first->pairs(), "pair") + ", " + list[i]->name + " has " +
                     std::to_string(list[i]->pairs())};
  }
  return std::nullopt;
}

/// The offsets that all token columns of a side agree on; none where there are no such columns.
Result<std::vector<size_t>> offsetsOf(const BatchReader &reader, dsl::Extent side) {
  const Numbers *first = nullptr;
  for (size_t i = 0; i < dsl::kInputCount; ++i) {
    const std::optional<Numbers> &column = reader.columns[i];
    if (dsl::inputExtent(Input(i)) != side || !column)
      continue;
    if (!first)
      first = &*column;
    for (size_t pair = 0; pair + 1 < first->offsets.size(); ++pair) {
      const size_t expected = first->offsets[pair + 1] - first->offsets[pair],
                   found = column->offsets[pair + 1] - column->offsets[pair];
      if (found != expected)
        return Error{"pair " + std::to_string(pair) + ": " + first->name + " has " +
                     counted(expected, "token") + ", " + column->name + " has " +
                     std::to_string(found)};
    }
  }
  return first ? first->offsets : std::vector<size_t>{};
}

/// Lengths given must be those of the tokens; lengths not given are.
std::optional<Error> settleLengths(std::optional<Numbers> &lengths, Input input,
                                   const std::vector<size_t> &offsets) {
  for (size_t pair = 0; pair + 1 < offsets.size(); ++pair) {
    const size_t tokens = offsets[pair + 1] - offsets[pair];
    if (lengths && lengths->values[pair] != double(tokens))
      return Error{lengths->name + "[" + std::to_string(pair) + "] is " +
                   std::to_string(size_t(lengths->values[pair])) + ", but the pair has " +
                   counted(tokens, "token")};
    if (tokens == 0)
      return Error{"pair " + std::to_string(pair) + ": a completion has at least 1 token"};
  }
  if (lengths || offsets.empty())
    return std::nullopt;
  lengths.emplace();
  lengths->name = dsl::inputName(input);
  for (size_t pair = 0; pair + 1 < offsets.size(); ++pair)
    lengths->values.push_back(double(offsets[pair + 1] - offsets[pair]));
  return std::nullopt;
}

/// Inputs that loss, rewards, metrics or the next states read from the batch.
std::vector<Input> readInputs(const dsl::Program &program) {
  std::vector<dsl::NodeId> results{program.loss, program.chosenReward, program.rejectedReward};
  for (const dsl::Metric &metric : program.metrics)
    results.push_back(metric.value);
  for (const dsl::State &state : program.states)
    results.push_back(state.next);
  return program.inputsOf(results);
}

std::optional<Error> missing(const dsl::Program &program, const BatchReader &reader,
                             const std::array<std::vector<size_t>, 2> &offsets) {
  for (Input input : readInputs(program)) {
    const dsl::Extent extent = dsl::inputExtent(input);
    const bool known = isPosition(input)
                           ? !offsets[extent == dsl::Extent::RejectedToken].empty()
                           : extent == dsl::Extent::Batch || reader.columns[size_t(input)];
    if (!known)
      return Error{"the objective reads " + tick(std::string(dsl::inputName(input))) +
                   ", which the batch lacks"};
  }
  for (size_t i = 0; i < program.columns.size(); ++i)
    if (!reader.dataColumns[i] && !program.columns[i].defaultValue)
      return Error{"the objective reads the column " + tick(program.columns[i].name) +
                   ", which the batch lacks under `columns` and which has no default"};
  return std::nullopt;
}

} // namespace

dsl::Batch BatchColumns::batch(std::vector<std::span<const double>> &spans) const {
  spans.assign(dataColumns.begin(), dataColumns.end());
  dsl::Batch view;
  view.pairs = pairs;
  view.progress = progress;
  std::copy(columns.begin(), columns.end(), view.columns.begin());
  view.chosenOffsets = offsets[0];
  view.rejectedOffsets = offsets[1];
  view.dataColumns = spans;
  view.states = states;
  return view;
}

Result<BatchColumns> readBatch(const std::string &json, const dsl::Program &program,
                               std::span<const double> parameters) {
  BatchReader reader(program);
  if (!Json::sax_parse(json, &reader))
    return Error{reader.error};
  if (std::optional<Error> error = differingPairs(reader))
    return *error;
  BatchColumns batch;
  for (auto [side, length] : {std::pair{dsl::Extent::ChosenToken, Input::chosen_length},
                              {dsl::Extent::RejectedToken, Input::rejected_length}}) {
    Result<std::vector<size_t>> offsets = offsetsOf(reader, side);
    if (!offsets)
      return offsets.error();
    if (std::optional<Error> error =
            settleLengths(reader.columns[size_t(length)], length, *offsets))
      return *error;
    batch.offsets[side == dsl::Extent::RejectedToken] = *offsets;
  }
  if (std::optional<Error> error = missing(program, reader, batch.offsets))
    return *error;
  batch.pairs = reader.first ? reader.first->pairs() : 0;
  batch.progress = reader.progress.value_or(0);
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    if (reader.columns[i])
      batch.columns[i] = std::move(reader.columns[i]->values);
  for (std::optional<Numbers> &column : reader.dataColumns)
    batch.dataColumns.push_back(column ? std::move(column->values) : std::vector<double>{});
  batch.states = dsl::initialStates(program, parameters);
  for (size_t i = 0; i < batch.states.size(); ++i)
    batch.states[i] = reader.states[i].value_or(batch.states[i]);
  return batch;
}

} // namespace disco::discoc
