#include "tools/discoc/FactsJson.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace disco::discoc {

namespace {

using Json = nlohmann::ordered_json;
using namespace dsl::facts;
using dsl::Input;

Json number(double value) {
  if (std::isnan(value))
    return "NaN";
  if (std::isinf(value))
    return value > 0 ? "Infinity" : "-Infinity";
  return value;
}
Json number(std::optional<double> value) { return value ? number(*value) : Json(); }

Json couplingJson(const Coupling &coupling) {
  Json flags = Json::array();
  for (const auto &[set, name] : {std::pair(coupling.batch, "batch"),
                                  {coupling.sort, "sort"},
                                  {coupling.stateful, "stateful"},
                                  {coupling.token, "token"},
                                  {coupling.scheduled, "scheduled"}})
    if (set)
      flags.push_back(name);
  return flags;
}

/// The batch of a situation: what the objective reads.
Json batchJson(const Facts &facts, const Situation &situation) {
  Json batch = Json::object();
  for (Input input : facts.inputs) {
    const std::string name(dsl::inputName(input));
    const dsl::Extent extent = dsl::inputExtent(input);
    if (extent == dsl::Extent::Pair)
      batch[name] = situation.column(input);
    if (!dsl::isToken(extent))
      continue;
    const std::vector<size_t> &offsets = extent == dsl::Extent::ChosenToken
                                             ? situation.chosenOffsets()
                                             : situation.rejectedOffsets();
    const std::vector<double> &values = situation.column(input);
    for (size_t pair = 0; pair < situation.pairs(); ++pair)
      batch[name].push_back(
          Json(std::vector<double>(values.begin() + ptrdiff_t(offsets[pair]),
                                   values.begin() + ptrdiff_t(offsets[pair + 1]))));
  }
  for (size_t i = 0; i < facts.columns.size(); ++i)
    batch["columns"][facts.columns[i]] = situation.dataColumns()[i];
  for (size_t i = 0; i < facts.states.size(); ++i)
    batch["states"][facts.states[i]] = situation.states()[i];
  return batch;
}

Json endJson(const LineEnd &end) {
  return {{"value", number(end.value)}, {"slope", number(end.slope)}};
}

Json nonfiniteJson(const std::optional<MarginLine::Point> &point) {
  if (!point)
    return nullptr;
  return {{"margin", number(point->margin)},
          {"loss", number(point->loss)},
          {"slope", number(point->slope)}};
}

Json finitenessJson(const Facts &facts) {
  Json boxes = Json::object();
  for (size_t i = 0; i < facts.finiteOn.size(); ++i) {
    const Finiteness &finiteness = facts.finiteOn[i];
    Json &box = boxes[std::string(boxName(kBoxes[i]))];
    box["verdict"] = verdictName(finiteness.verdict);
    if (finiteness.witness)
      box["witness"] = batchJson(facts, *finiteness.witness);
  }
  return boxes;
}

Json namesOf(const std::vector<Input> &inputs) {
  Json names = Json::array();
  for (Input input : inputs)
    names.push_back(dsl::inputName(input));
  return names;
}

} // namespace

std::string factsJson(const dsl::Program &program, const Facts &facts) {
  Json rises = Json::array();
  for (const auto &[from, to] : facts.line.risesOn)
    rises.push_back({number(from), number(to)});
  Json json;
  json["name"] = program.name;
  json["hash"] = facts.hash;
  json["shape_hash"] = facts.shapeHash;
  json["code_hash"] = facts.codeHash;
  json["coupling"] = couplingJson(facts.coupling);
  json["separable"] = facts.separable;
  json["inputs"] = namesOf(facts.inputs);
  json["columns"] = facts.columns;
  json["states"] = facts.states;
  json["needs_reference"] = facts.needsReference;
  json["needs_lengths"] = facts.needsLengths;
  json["needs_tokens"] = facts.needsTokens;
  json["operations"] = facts.operations;
  json["slope_at_zero"] = number(facts.line.atZero.slope);
  json["rises_on"] = rises;
  json["rises_on_verdict"] =
      verdictName(facts.line.risesProved ? Verdict::Proved : Verdict::Unknown);
  json["opposite_slopes"] = facts.line.oppositeSlopes ? Json(*facts.line.oppositeSlopes) : Json();
  json["limits"] = {{"below", endJson(facts.line.below)}, {"above", endJson(facts.line.above)}};
  json["nonfinite"] = {{"below", nonfiniteJson(facts.line.nonfiniteBelow)},
                       {"above", nonfiniteJson(facts.line.nonfiniteAbove)}};
  json["finite_on"] = finitenessJson(facts);
  json["degenerates_at_one"] = facts.degeneratesAtOne;
  json["nan_rows_of_ten"] = facts.nanRowsOfTen;
  return json.dump(2) + "\n";
}

} // namespace disco::discoc
