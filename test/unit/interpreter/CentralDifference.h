// Gradients by central differences, the oracle that knows nothing of the chain rule.
#pragma once

#include "test/unit/interpreter/Evaluate.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace disco::dsl {

struct Difference {
  double slope = 0;
  /// What the estimate may be wrong by: the difference between two step sizes, and rounding.
  double uncertainty = 0;
};

/// d loss / d columns[input][i], by Richardson extrapolation of steps h and h/2.
inline Difference centralDifference(Interpreter &interpreter, const Program &program, Step step,
                                    Input input, size_t i) {
  Evaluation out;
  double largest = 0;
  double &varied = step.columns[input][i];
  const auto lossAt = [&](double x) {
    varied = x;
    interpreter.evaluate(step.batch(), program.defaultParameters(), out, Precision::Double,
                         {.gradients = false, .reports = false, .next = false});
    largest = std::max(largest, std::fabs(out.loss));
    return out.loss;
  };
  const double x = varied;
  const double h = 1e-4 * std::max(1.0, std::fabs(x));
  const auto slopeOver = [&](double step) {
    return (lossAt(x + step) - lossAt(x - step)) / (2 * step);
  };
  const double coarse = slopeOver(h), fine = slopeOver(h / 2);
  return {(4 * fine - coarse) / 3, std::fabs(coarse - fine) + 1e-14 * largest / h};
}

/// Replaces every detached value of the program by the number it has in this step (a constant, or a
/// data column added to the step): differences then see what the gradient sees. False where a token
/// value is detached.
inline bool freezeDetached(Program &program, Step &step) {
  const Program original = program;
  step.dataColumns.resize(program.columns.size());
  for (NodeId id = 0; id < program.nodes.size(); ++id) {
    if (original[id].op != Op::Detach)
      continue;
    Program probe = original;
    probe.chosenReward = id;
    Step before = step;
    before.dataColumns.resize(original.columns.size());
    const std::vector<double> values = evaluate(probe, before).chosenRewards;
    Node &node = program.nodes[id];
    if (isToken(node.type.extent))
      return false;
    node.operands.fill(kNoNode);
    if (node.type.extent == Extent::Batch) {
      node.op = Op::Constant;
      node.constant = values[0];
    } else {
      node.op = Op::Column;
      node.index = uint32_t(program.columns.size());
      program.columns.push_back({"frozen" + std::to_string(id), {}, {}});
      step.dataColumns.push_back(values);
    }
  }
  return true;
}

} // namespace disco::dsl
