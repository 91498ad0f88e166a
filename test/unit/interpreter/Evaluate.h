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

/// One optimiser step with everything a program may read; owns what its batch() shows.
struct Step {
  size_t pairs = 0;
  Columns columns; // token inputs flat
  std::vector<size_t> chosenOffsets, rejectedOffsets;
  std::vector<std::vector<double>> dataColumns;
  std::vector<double> states;
  double progress = 0;

  Batch batch() const {
    Batch batch = batchOf(columns);
    batch.pairs = pairs;
    batch.progress = progress;
    batch.chosenOffsets = chosenOffsets;
    batch.rejectedOffsets = rejectedOffsets;
    spans_.assign(dataColumns.begin(), dataColumns.end());
    batch.dataColumns = spans_;
    batch.states = states;
    return batch;
  }

private:
  mutable std::vector<std::span<const double>> spans_;
};

inline Evaluation evaluate(const Program &program, const Step &step,
                           Precision precision = Precision::Double) {
  Evaluation out;
  Interpreter(program).evaluate(step.batch(), program.defaultParameters(), out, precision);
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
