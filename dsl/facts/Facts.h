// Everything that is derived about an objective (SPEC 11), as one value. Nothing here rejects a
// program; facts guide the scheduler, warn the author and describe candidates to the search.
#pragma once

#include "dsl/facts/Finiteness.h"
#include "dsl/facts/Monotony.h"
#include "dsl/facts/Structure.h"

#include <string>

namespace disco::dsl::facts {

struct Facts {
  std::string hash, shapeHash, codeHash; // as in Dsl.h
  Coupling coupling;
  bool separable = false;
  /// What loss and `next` read.
  std::vector<Input> inputs;
  std::vector<std::string> columns, states;
  bool needsReference = false, needsLengths = false, needsTokens = false;
  size_t operations = 0; // SPEC X10
  LineFacts line;
  std::array<Finiteness, std::size(kBoxes)> finiteOn; // as kBoxes
  /// SPEC F6: whether a statistic of a single pair is 0 whatever the pair, so that the objective is
  /// another one at batch size 1.
  bool degeneratesAtOne = false;
  /// SPEC F7: of ten pairs, one of which has a log-probability that is NaN, how many get a loss or
  /// a gradient that is not finite.
  size_t nanRowsOfTen = 0;
};

/// Facts of the program with its parameters bound to values. Takes milliseconds; deterministic.
Facts factsOf(const Program &program, std::span<const double> parameters);

} // namespace disco::dsl::facts
