// How a program is evaluated: which nodes in what order, where their numbers lie, and what becomes
// of the results. The operations themselves are in InterpreterForward.cpp and
// InterpreterBackward.cpp.
#include "dsl/Interpreter.h"

#include "dsl/Dsl.h"
#include "dsl/InterpreterMath.h"
#include "dsl/Summation.h"

#include <cassert>

namespace disco::dsl {

Interpreter::Interpreter(const Program &program) : program_(program) {
  const size_t count = program.nodes.size();
  constexpr uint8_t kLoss = 1, kReport = 2, kNext = 4;
  std::vector<uint8_t> readBy(count, 0);
  hasAdjoint_.assign(count, 0);
  readBy[program.loss] |= kLoss;
  hasAdjoint_[program.loss] = program[program.loss].hasGradient;
  readBy[program.chosenReward] |= kReport;
  readBy[program.rejectedReward] |= kReport;
  for (const Metric &metric : program.metrics)
    readBy[metric.value] |= kReport;
  for (const State &state : program.states)
    readBy[state.next] |= kNext;
  for (NodeId id = NodeId(count); id-- > 0;) { // operands precede users
    const Node &node = program[id];
    for (unsigned i = 0; i < opArity(node.op); ++i) {
      NodeId operand = node.operands[i];
      readBy[operand] |= readBy[id];
      hasAdjoint_[operand] |=
          uint8_t(hasAdjoint_[id] && program[operand].hasGradient && node.op != Op::Detach);
    }
    if (hasAdjoint_[id])
      backwardOrder_.push_back(id);
  }
  for (NodeId id = 0; id < count; ++id) {
    if (readBy[id] & kLoss)
      lossOrder_.push_back(id);
    else if (readBy[id] & kReport)
      reportOrder_.push_back(id);
    if (readBy[id] & kNext)
      nextOrder_.push_back(id);
  }
}

void Interpreter::layOut(const Batch &batch) {
  const auto tokens = [](std::span<const size_t> offsets) {
    return offsets.empty() ? 0 : offsets.back();
  };
  offsets_ = {batch.chosenOffsets, batch.rejectedOffsets};
  const std::array<size_t, 4> sizes{1, batch.pairs, tokens(batch.chosenOffsets),
                                    tokens(batch.rejectedOffsets)};
  pairs_ = batch.pairs;
  if (sizes == sizes_ && !value_.empty())
    return;
  sizes_ = sizes;
  const size_t count = program_.nodes.size();
  size_t values = 0, adjoints = 0;
  for (NodeId id = 0; id < count; ++id) {
    values += sizeOf(id);
    adjoints += hasAdjoint_[id] ? sizeOf(id) : 0;
  }
  memory_.resize(values + adjoints);
  value_.resize(count);
  adjoint_.resize(count);
  adjointsBegin_ = values;
  double *nextValue = memory_.data(), *nextAdjoint = nextValue + values;
  for (NodeId id = 0; id < count; ++id) {
    const size_t stride = program_[id].type.extent == Extent::Batch ? 0 : 1;
    value_[id] = {nextValue, stride};
    nextValue += sizeOf(id);
    if (hasAdjoint_[id]) {
      adjoint_[id] = {nextAdjoint, stride};
      nextAdjoint += sizeOf(id);
    }
  }
}

std::span<const size_t> Interpreter::offsetsOf(Extent side) const {
  assert(isToken(side));
  const std::span<const size_t> offsets = offsets_[side == Extent::RejectedToken];
  assert(offsets.size() == pairs_ + 1 && "tokens that the program reads have no offsets");
  return offsets;
}

Interpreter::Row Interpreter::operand(const Node &node, unsigned index) {
  const NodeId id = node.operands[index];
  if (!isToken(node.type.extent) || program_[id].type.extent != Extent::Pair)
    return value_[id];
  std::vector<double> &spread = spread_[index];
  spread.resize(sizes_[size_t(node.type.extent)]);
  const std::span<const size_t> offsets = offsetsOf(node.type.extent);
  for (size_t pair = 0; pair < pairs_; ++pair)
    std::fill(spread.begin() + ptrdiff_t(offsets[pair]),
              spread.begin() + ptrdiff_t(offsets[pair + 1]), value_[id][pair]);
  return {spread.data(), 1};
}

template <Precision P> double Interpreter::meanOf(NodeId id) const {
  if (pairs_ == 0)
    return kNaN;
  if (program_[id].type.extent == Extent::Batch)
    return value_[id][0];
  return rounded<P>(sumInOrder({value_[id].data, pairs_}) / double(pairs_));
}

template <Precision P>
void Interpreter::evaluateIn(const Batch &batch, std::span<const double> parameters,
                             Evaluation &out, Wanted wanted) {
  layOut(batch);
  assert(wanted.loss || !(wanted.gradients || wanted.reports));
  if (wanted.loss) {
    forward<P>(lossOrder_, batch, parameters);
    out.loss = meanOf<P>(program_.loss);
  }

  if (wanted.gradients) {
    backward<P>();
    for (size_t i = 0; i < kInputCount; ++i)
      out.gradients[i].assign(
          inputHasGradient(Input(i)) ? sizes_[size_t(inputExtent(Input(i)))] : 0, 0.0);
    for (NodeId id : backwardOrder_)
      if (program_[id].op == Op::Input)
        std::copy_n(adjoint_[id].data, sizeOf(id), out.gradients[program_[id].index].begin());
  }

  if (wanted.reports) {
    forward<P>(reportOrder_, batch, parameters);
    const auto spread = [&](NodeId id, std::vector<double> &to) {
      to.resize(pairs_);
      for (size_t i = 0; i < pairs_; ++i)
        to[i] = value_[id][i];
    };
    spread(program_.loss, out.losses);
    spread(program_.chosenReward, out.chosenRewards);
    spread(program_.rejectedReward, out.rejectedRewards);
    out.metrics.clear();
    for (const Metric &metric : program_.metrics)
      out.metrics.push_back(meanOf<P>(metric.value));
  }

  if (wanted.next) { // in double whatever P, so last: it overwrites the values of this precision
    forward<Precision::Double>(nextOrder_, batch, parameters);
    out.next.clear();
    for (const State &state : program_.states)
      out.next.push_back(value_[state.next][0]);
  }
}

void Interpreter::evaluate(const Batch &batch, std::span<const double> parameters, Evaluation &out,
                           Precision precision, Wanted wanted) {
  assert(parameters.size() == program_.parameters.size());
  if (batch.states.size() != program_.states.size()) {
    assert(batch.states.empty());
    initial_ = initialStates(program_, parameters);
    Batch first = batch;
    first.states = initial_;
    return evaluate(first, parameters, out, precision, wanted);
  }
  if (precision == Precision::Float32)
    evaluateIn<Precision::Float32>(batch, parameters, out, wanted);
  else
    evaluateIn<Precision::Double>(batch, parameters, out, wanted);
}

} // namespace disco::dsl
