// One call from a program and columns of numbers to an Evaluation, for tests.
#pragma once

#include "dsl/Interpreter.h"

#include <map>
#include <vector>

namespace disco::dsl {

using Columns = std::map<Input, std::vector<double>>;

inline Batch batchOf(const Columns &columns) {
  Batch batch;
  for (const auto &[input, column] : columns) {
    batch.columns[size_t(input)] = column;
    batch.pairs = column.size();
  }
  return batch;
}

inline Evaluation evaluate(const Program &program, const Columns &columns,
                           Precision precision = Precision::Double) {
  Evaluation out;
  Interpreter(program).evaluate(batchOf(columns), program.defaultParameters(), out, precision);
  return out;
}

/// Columns for a program that reads only the policy margin: rejected log-probabilities are 0.
inline Columns margins(std::vector<double> margins) {
  std::vector<double> zeros(margins.size(), 0.0);
  return {{Input::policy_chosen_logps, std::move(margins)}, {Input::policy_rejected_logps, zeros}};
}

inline const std::vector<double> &chosenGradient(const Evaluation &evaluation) {
  return evaluation.gradients[size_t(Input::policy_chosen_logps)];
}
inline const std::vector<double> &rejectedGradient(const Evaluation &evaluation) {
  return evaluation.gradients[size_t(Input::policy_rejected_logps)];
}

} // namespace disco::dsl
