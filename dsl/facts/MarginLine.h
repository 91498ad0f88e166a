// The margin line (SPEC F3): the one definition of "the loss at margin m" that facts and drawings
// use.
#pragma once

#include "dsl/Interpreter.h"
#include "dsl/facts/Domain.h"
#include "dsl/facts/Situation.h"

namespace disco::dsl::facts {

/// One pair of completions of 30 tokens whose reference log-probabilities are -60. The policy's are
/// -60 + m/2 for the chosen and -60 - m/2 for the rejected one, evenly over the tokens; KL is 0,
/// columns have their default or 1, states their initial value, progress is 0. A batch statistic is
/// that of the single pair, as of any number of equal ones.
class MarginLine {
public:
  static constexpr double kTokens = 30, kReference = -60;

  /// The program must outlive it.
  explicit MarginLine(const Program &program, std::span<const double> parameters);

  struct Point {
    double margin = 0;
    double loss = 0;
    double slope = 0;                // d loss / d m
    double chosen = 0, rejected = 0; // d loss / d log-probability of either completion
    bool finite = false;             // loss and every gradient
  };
  Point at(double margin, Precision precision = Precision::Double);
  Situation situationAt(double margin) const;
  /// The line as a domain of the tape, its one coordinate the margin.
  Domain domain(const Tape &tape, const Interval &margins) const;

private:
  const Program &program_;
  std::vector<double> parameters_, states_;
  bool withTokens_;
  Interpreter interpreter_;
  Evaluation out_;
};

} // namespace disco::dsl::facts
