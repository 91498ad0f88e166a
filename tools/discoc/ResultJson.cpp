// The results of a run as JSON.
#include "tools/discoc/BatchJson.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace disco::discoc {

namespace {

using Json = nlohmann::ordered_json;
using dsl::Input;

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

/// Numbers of tokens, an array for each pair.
Json raggedJson(const std::vector<double> &values, const std::vector<size_t> &offsets) {
  Json array = Json::array();
  for (size_t pair = 0; pair + 1 < offsets.size(); ++pair)
    array.push_back(arrayJson({values.begin() + ptrdiff_t(offsets[pair]),
                               values.begin() + ptrdiff_t(offsets[pair + 1])}));
  return array;
}

} // namespace

std::string evaluationJson(const dsl::Program &program, const BatchColumns &batch,
                           const dsl::Evaluation &evaluation) {
  Json gradients = Json::object(), metrics = Json::object();
  const std::vector<Input> read = program.inputsOf(std::array{program.loss});
  for (size_t i = 0; i < dsl::kInputCount; ++i) {
    if (!dsl::inputHasGradient(Input(i)))
      continue;
    const dsl::Extent extent = dsl::inputExtent(Input(i));
    const std::string name(dsl::inputName(Input(i)));
    if (!dsl::isToken(extent))
      gradients[name] = arrayJson(evaluation.gradients[i]);
    else if (std::find(read.begin(), read.end(), Input(i)) != read.end())
      gradients[name] =
          raggedJson(evaluation.gradients[i], batch.offsets[extent == dsl::Extent::RejectedToken]);
  }
  for (size_t i = 0; i < program.metrics.size(); ++i)
    metrics[program.metrics[i].name] = numberJson(evaluation.metrics[i]);
  Json result = {{"loss", numberJson(evaluation.loss)},
                 {"losses", arrayJson(evaluation.losses)},
                 {"gradients", gradients},
                 {"rewards",
                  {{"chosen", arrayJson(evaluation.chosenRewards)},
                   {"rejected", arrayJson(evaluation.rejectedRewards)}}},
                 {"metrics", metrics}};
  for (size_t i = 0; i < evaluation.next.size(); ++i)
    result["next"][program.states[i].name] = numberJson(evaluation.next[i]);
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
