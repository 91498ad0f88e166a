// From an evaluation and its error analysis to the bounds of every number of the result.
#include "dsl/ErrorAnalysis.h"

namespace disco::dsl {

ErrorAnalysis::ErrorAnalysis(const Interpreter &of)
    : of_(of), program_(of.program_), begin_(of.memory_.data()), errors_(of.memory_.size()),
      magnitudes_(of.memory_.size()), near_(of.pairs_) {
  for (size_t side = 0; side < 2; ++side)
    for (size_t pair = 0; pair + 1 < of.offsets_[side].size(); ++pair)
      pairOfToken_[side].resize(of.offsets_[side][pair + 1], pair);
}

size_t ErrorAnalysis::pairOf(Extent extent, size_t i) const {
  return isToken(extent) ? pairOfToken_[extent == Extent::RejectedToken][i] : i;
}

void ErrorAnalysis::report(const Evaluation &evaluation, ErrorBounds &bounds) const {
  const size_t pairs = of_.pairs_;
  const auto meanError = [&](NodeId id) {
    if (pairs == 0)
      return 0.0;
    if (program_[id].type.extent == Extent::Batch)
      return value(id, 0).error;
    Sum sum;
    for (size_t i = 0; i < pairs; ++i)
      sum.add(value(id, i));
    return sum.dividedBy(double(pairs)).error;
  };
  const auto errors = [&](NodeId id) {
    std::vector<double> each(pairs);
    for (size_t i = 0; i < pairs; ++i)
      each[i] = value(id, i).error;
    return each;
  };
  bounds.loss = meanError(program_.loss);
  bounds.losses = errors(program_.loss);
  bounds.chosenRewards = errors(program_.chosenReward);
  bounds.rejectedRewards = errors(program_.rejectedReward);
  bounds.metrics.clear();
  for (const Metric &metric : program_.metrics)
    bounds.metrics.push_back(meanError(metric.value));
  bounds.next.clear();
  for (const State &state : program_.states)
    bounds.next.push_back(value(state.next, 0).error);
  for (size_t input = 0; input < kInputCount; ++input)
    bounds.gradients[input].assign(evaluation.gradients[input].size(), 0.0);
  for (NodeId id : of_.backwardOrder_)
    if (program_[id].op == Op::Input)
      for (size_t i = 0; i < of_.sizeOf(id); ++i)
        bounds.gradients[program_[id].index][i] = at(of_.adjoint_[id], i).error;
  bounds.nearKink = near_;
}

void Interpreter::evaluateWithBounds(const Batch &batch, std::span<const double> parameters,
                                     Evaluation &out, ErrorBounds &bounds) {
  evaluate(batch, parameters, out);
  ErrorAnalysis analysis(*this);
  analysis.forward();
  analysis.backward();
  analysis.report(out, bounds);
}

} // namespace disco::dsl
