// A batch of preference pairs as JSON: `{"policy_chosen_logps": [..], ...}`, one array of numbers
// per input. Non-finite numbers are the strings "NaN", "Infinity" and "-Infinity".
#pragma once

#include "dsl/Interpreter.h"
#include "dsl/support/Result.h"

#include <array>
#include <string>
#include <vector>

namespace disco::discoc {

struct BatchColumns {
  size_t pairs = 0;
  std::array<std::vector<double>, dsl::kInputCount> columns; // empty where the batch has none
};

/// Reads a batch with every column in `required` (pair inputs) and perhaps others; all have the
/// same length, lengths are whole numbers of at least 1. Errors name the column and the pair.
/// Nothing in the text makes this recurse.
Result<BatchColumns> readBatch(const std::string &json, const std::vector<dsl::Input> &required);

/// The results of a run, keys and meaning as in `discoc --help` and README; gradients under the
/// inputs' names.
std::string evaluationJson(const dsl::Program &program, const dsl::Evaluation &evaluation);

} // namespace disco::discoc
