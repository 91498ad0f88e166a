// One optimiser step as JSON: `{"policy_chosen_logps": [..], "policy_chosen_token_logps": [[..],
// ..], "progress": 0.5, "columns": {"weight": [..]}, "states": {"level": 0.1}}`, one number per
// pair, an array of numbers per pair for its tokens. Non-finite numbers are the strings "NaN",
// "Infinity" and
// "-Infinity".
#pragma once

#include "dsl/Interpreter.h"
#include "dsl/support/Result.h"

#include <array>
#include <string>
#include <vector>

namespace disco::discoc {

/// What dsl::Batch shows, owned.
struct BatchColumns {
  size_t pairs = 0;
  double progress = 0;
  std::array<std::vector<double>, dsl::kInputCount> columns; // empty where the batch has none
  std::array<std::vector<size_t>, 2> offsets;                // of chosen and of rejected tokens
  std::vector<std::vector<double>> dataColumns;              // [Program::columns]
  std::vector<double> states;                                // [Program::states]

  /// A view of this; `spans` is memory for it.
  dsl::Batch batch(std::vector<std::span<const double>> &spans) const;
};

/// Reads a step with everything that the program reads and perhaps other inputs. All columns are of
/// as many pairs, all tokens of a side alike, lengths whole numbers of at least 1 and those of the
/// tokens. Lengths follow from tokens where they are not given; states that are not given are
/// initial; data columns have perhaps a default. Errors name the column, the pair and the token.
/// Nothing in the text makes this recurse.
Result<BatchColumns> readBatch(const std::string &json, const dsl::Program &program,
                               std::span<const double> parameters);

/// The results of a run, keys and meaning as in `discoc --help` and README; gradients under the
/// inputs' names, those of tokens pair by pair.
std::string evaluationJson(const dsl::Program &program, const BatchColumns &batch,
                           const dsl::Evaluation &evaluation);

} // namespace disco::discoc
