// The case files: one JSON array for each topic, and the steps that value cases hold.
#pragma once

#include "test/unit/interpreter/Evaluate.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace disco::conformance {

/// The cases of cases/TOPIC.json.
nlohmann::json readCases(const std::string &topic);
/// Every topic there is a file for.
std::vector<std::string> topics();

/// A number, or one of the strings "NaN", "Infinity", "-Infinity".
double numberOf(const nlohmann::json &value);
/// Numbers of pairs, or of tokens pair by pair, one after the other.
std::vector<double> numbersOf(const nlohmann::json &values);

/// The step that a batch (as `discoc --run` takes it) describes for a program.
dsl::Step stepOf(const nlohmann::json &batch, const dsl::Program &program);

} // namespace disco::conformance
