// One optimiser step that can be evaluated and shown: what a Batch points into. Tokens share their
// completion's log-probability evenly.
#pragma once

#include "dsl/Interpreter.h"

#include <vector>

namespace disco::dsl::facts {

/// What the data say of one preference pair.
struct PairValues {
  double policyChosen = 0, policyRejected = 0, referenceChosen = 0, referenceRejected = 0;
  double chosenLength = 1, rejectedLength = 1; // whole, at least 1
  double chosenKl = 0, rejectedKl = 0;         // of every token
  std::vector<double> columns;                 // [Program::columns]
};

class Situation {
public:
  Situation() = default;
  Situation(std::span<const PairValues> pairs, size_t dataColumns, std::vector<double> states,
            double progress, bool withTokens);

  /// Points into this object; valid until it changes or moves.
  Batch batch() const;
  size_t pairs() const { return pairs_; }
  double progress() const { return progress_; }
  const std::vector<double> &column(Input input) const { return columns_[size_t(input)]; }
  const std::vector<std::vector<double>> &dataColumns() const { return dataColumns_; }
  const std::vector<double> &states() const { return states_; }
  const std::vector<size_t> &chosenOffsets() const { return chosenOffsets_; }
  const std::vector<size_t> &rejectedOffsets() const { return rejectedOffsets_; }

private:
  size_t pairs_ = 0;
  double progress_ = 0;
  std::array<std::vector<double>, kInputCount> columns_;
  std::vector<size_t> chosenOffsets_, rejectedOffsets_;
  std::vector<std::vector<double>> dataColumns_;
  std::vector<double> states_;
  mutable std::vector<std::span<const double>> dataSpans_;
};

/// Whether the program reads a value per token.
bool readsTokens(const Program &program);
/// A column's number where nothing else is said: its default, else 1.
std::vector<double> columnDefaults(const Program &program);
/// Whether loss and every gradient are finite, as evaluated.
bool isFinite(const Evaluation &evaluation);

} // namespace disco::dsl::facts
