#include "test/conformance/Cases.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>

namespace disco::conformance {

using nlohmann::json;

json readCases(const std::string &topic) {
  std::ifstream file(DISCO_CONFORMANCE "/cases/" + topic + ".json");
  return json::parse(file);
}

std::vector<std::string> topics() {
  std::vector<std::string> names;
  for (const auto &entry : std::filesystem::directory_iterator(DISCO_CONFORMANCE "/cases"))
    names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  return names;
}

double numberOf(const json &value) {
  if (!value.is_string())
    return value.get<double>();
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return value == "NaN" ? std::numeric_limits<double>::quiet_NaN()
                        : (value == "Infinity" ? infinity : -infinity);
}

std::vector<double> numbersOf(const json &values) {
  std::vector<double> numbers;
  for (const json &value : values)
    if (value.is_array())
      for (const json &token : value)
        numbers.push_back(numberOf(token));
    else
      numbers.push_back(numberOf(value));
  return numbers;
}

dsl::Step stepOf(const json &batch, const dsl::Program &program) {
  dsl::Step step;
  step.progress = batch.value("progress", 0.0);
  step.dataColumns.resize(program.columns.size());
  for (size_t i = 0; i < program.columns.size(); ++i)
    if (batch.contains("columns") && batch["columns"].contains(program.columns[i].name))
      step.dataColumns[i] = numbersOf(batch["columns"][program.columns[i].name]);
  for (const auto &[name, values] : batch.items()) {
    const std::optional<dsl::Input> input = dsl::inputByName(name);
    if (!input || !values.is_array())
      continue;
    step.columns[*input] = numbersOf(values);
    step.pairs = values.size();
    const dsl::Extent extent = dsl::inputExtent(*input);
    if (!dsl::isToken(extent))
      continue;
    std::vector<size_t> offsets{0};
    for (const json &tokens : values)
      offsets.push_back(offsets.back() + tokens.size());
    (extent == dsl::Extent::ChosenToken ? step.chosenOffsets : step.rejectedOffsets) = offsets;
  }
  return step;
}

} // namespace disco::conformance
