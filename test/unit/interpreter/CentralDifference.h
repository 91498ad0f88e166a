// Gradients by central differences, the oracle that knows nothing of the chain rule.
#pragma once

#include "dsl/Interpreter.h"

#include <cmath>
#include <vector>

namespace disco::dsl {

struct Difference {
  double slope = 0;
  /// What the estimate may be wrong by: the difference between two step sizes, and rounding.
  double uncertainty = 0;
};

/// d loss / d columns[input][pair], by Richardson extrapolation of steps h and h/2.
inline Difference centralDifference(Interpreter &interpreter, const Program &program,
                                    std::vector<std::vector<double>> columns, Input input,
                                    size_t pair) {
  Evaluation out;
  double largest = 0;
  const auto lossAt = [&](double x) {
    columns[size_t(input)][pair] = x;
    Batch batch;
    batch.pairs = columns[size_t(input)].size();
    for (size_t i = 0; i < kInputCount; ++i)
      batch.columns[i] = columns[i];
    interpreter.evaluate(batch, program.defaultParameters(), out, Precision::Double,
                         {.gradients = false, .reports = false});
    largest = std::max(largest, std::fabs(out.loss));
    return out.loss;
  };
  const double x = columns[size_t(input)][pair];
  const double h = 1e-4 * std::max(1.0, std::fabs(x));
  const auto slopeOver = [&](double step) {
    return (lossAt(x + step) - lossAt(x - step)) / (2 * step);
  };
  const double coarse = slopeOver(h), fine = slopeOver(h / 2);
  return {(4 * fine - coarse) / 3, std::fabs(coarse - fine) + 1e-14 * largest / h};
}

} // namespace disco::dsl
