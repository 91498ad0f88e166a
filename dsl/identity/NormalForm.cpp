// From a program to its normal form: one visit of each node, then the mean over the batch. States
// are told apart by what they do, not by name or place: two are the same if they begin alike and
// go on alike, found by refining that question until it tells no more of them apart (Moore's
// minimisation of automata).
#include "dsl/identity/NormalForm.h"

#include "dsl/Graph.h"
#include "dsl/identity/Algebra.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <set>

namespace disco::dsl {

TermId Algebra::normalise(NodeId result, std::span<const double> parameters) {
  // In the order in which the result needs them, not in that of the program: of terms that agree to
  // 12 digits the first one made is kept, and the order of nodes must not show.
  std::vector<TermId> terms(result + 1, kNoTerm);
  std::vector<NodeId> open{result};
  while (!open.empty()) {
    const Node &node = program_[open.back()];
    const auto first = node.operands.begin(), last = first + opArity(node.op);
    const auto missing = std::find_if(first, last, [&](NodeId id) { return terms[id] == kNoTerm; });
    if (missing != last) {
      open.push_back(*missing);
      continue;
    }
    std::array<TermId, 3> x{kNoTerm, kNoTerm, kNoTerm};
    std::transform(first, last, x.begin(), [&](NodeId id) { return terms[id]; });
    terms[open.back()] = normalise(node, x, parameters);
    open.pop_back();
  }
  return terms[result];
}

TermId Algebra::normalise(const Node &node, const std::array<TermId, 3> &x,
                          std::span<const double> parameters) {
  // A function of a number is that number to its last digit: expm1(x) = exp(x) - 1 would lose them.
  if (opShape(node.op) == OpShape::Pointwise && opArity(node.op) == 1)
    if (auto value = asNumber(x[0]))
      if (auto folded = foldedValue(node.op, std::array{*value}); folded && std::isfinite(*folded))
        return number(*folded);
  switch (node.op) {
  case Op::Constant:
    return number(node.constant);
  case Op::Parameter:
    return number(parameters[node.index]);
  case Op::Input:
  case Op::Column:
  case Op::State:
    return leaf(node);
  case Op::Neg:
    return scale(x[0], -1);
  case Op::Add:
    return add(x[0], x[1]);
  case Op::Sub: // a - b = a + (-1) b
    return add(x[0], x[1], -1);
  case Op::Mul:
    return multiply(x[0], x[1]);
  case Op::Div: // a / b = a b^-1
    return multiply(x[0], power(x[1], -1));
  case Op::Pow:
    return pow(x[0], x[1]);
  case Op::Sqrt: // sqrt(x) = x^0.5, with slope 0 at 0 both
    return power(x[0], 0.5);
  case Op::Exp:
    return exp(x[0]);
  case Op::Expm1: // expm1(x) = exp(x) - 1
    return add(exp(x[0]), number(1), -1);
  case Op::Log:
    return log(x[0]);
  case Op::Log1p: // log1p(x) = log(1 + x)
    return log(add(x[0], number(1)));
  case Op::Sigmoid:
    return sigmoid(x[0]);
  case Op::Tanh: // tanh(x) = 2 sigmoid(2 x) - 1
    return add(scale(sigmoid(scale(x[0], 2)), 2), number(1), -1);
  case Op::Softplus:
    return softplus(x[0]);
  case Op::Abs:
    return abs(x[0]);
  case Op::Sign:
    return sign(x[0]);
  case Op::Detach:
    return detach(x[0]);
  case Op::Max:
    return max(x[0], x[1]);
  case Op::Min: // min(a, b) = -max(-a, -b)
    return scale(max(scale(x[0], -1), scale(x[1], -1)), -1);
  case Op::Lt: // a < b is b - a > 0
    return isPositive(add(x[1], x[0], -1));
  case Op::Le: { // a <= b is b - a > 0 or b - a = 0
    const TermId difference = add(x[1], x[0], -1);
    return add(isPositive(difference), isZero(difference));
  }
  case Op::Eq:
    return isZero(add(x[0], x[1], -1));
  case Op::Ne:
    return add(number(1), isZero(add(x[0], x[1], -1)), -1);
  case Op::Not:
    return add(number(1), x[0], -1);
  case Op::And:
    return multiply(x[0], x[1]);
  case Op::Or: // a or b = a + b - a b
    return add(add(x[0], x[1]), multiply(x[0], x[1]), -1);
  case Op::Select:
    return select(x[0], x[1], x[2]);
  case Op::BatchSum:
    return batchSum(x[0]);
  case Op::TokenSum:
    return tokenSum(x[0], program_[node.operands[0]].type.extent);
  case Op::BatchMax:
  case Op::BatchSort:
  case Op::BatchQuantile:
    return ordered(node.op, x[0], x[1]);
  }
  assert(false && "an operation without a normal form");
  return kNoTerm;
}

namespace {

Digest exactDigest(const Program &program, NodeId result, std::span<const double> parameters) {
  std::vector<Digest> digests(result + 1);
  for (NodeId id = 0; id <= result; ++id) {
    const Node &node = program[id];
    const bool bound = node.op == Op::Parameter;
    for (char letter : opMnemonic(bound ? Op::Constant : node.op))
      digests[id].add(uint64_t(letter));
    if (node.op == Op::Column)
      for (char letter : program.columns[node.index].name)
        digests[id].add(uint64_t(letter));
    else if (!bound)
      digests[id].add(node.index);
    digests[id].add(std::bit_cast<uint64_t>(bound ? parameters[node.index] : node.constant));
    for (unsigned i = 0; i < opArity(node.op); ++i)
      digests[id].add(digests[node.operands[i]]);
  }
  return digests[result];
}

/// Which states the loss depends on, itself or through their successors.
std::vector<bool> statesRead(const Program &program) {
  std::vector<bool> states(program.states.size()), seen(program.nodes.size());
  std::vector<NodeId> open{program.loss};
  while (!open.empty()) {
    const NodeId id = open.back();
    open.pop_back();
    if (seen[id])
      continue;
    seen[id] = true;
    const Node &node = program[id];
    open.insert(open.end(), node.operands.begin(), node.operands.begin() + opArity(node.op));
    if (node.op == Op::State) {
      states[node.index] = true;
      open.push_back(program.states[node.index].next);
    }
  }
  return states;
}

StateDigests identifyStates(const Program &program, std::span<const double> parameters,
                            double unit) {
  StateDigests states;
  const size_t count = program.states.size();
  states.digests.resize(count);
  const std::vector<bool> read = statesRead(program);
  if (std::none_of(read.begin(), read.end(), [](bool is) { return is; }))
    return states;
  const auto distinct = [&] {
    std::set<Digest> kinds;
    for (size_t i = 0; i < count; ++i)
      if (read[i])
        kinds.insert(states.digests[i]);
    return kinds;
  };
  for (size_t i = 0; i < count; ++i) {
    if (!read[i])
      continue;
    Algebra algebra(program, states.digests, unit);
    const TermId initial = algebra.normalise(program.states[i].initial, parameters);
    states.digests[i].add(algebra.term(initial).digest);
  }
  for (size_t before = 0; before < distinct().size();) {
    before = distinct().size();
    std::vector<Digest> refined = states.digests;
    Algebra algebra(program, states.digests, unit);
    for (size_t i = 0; i < count; ++i) {
      if (!read[i])
        continue;
      const TermId next = algebra.normalise(program.states[i].next, parameters);
      refined[i].add(algebra.term(algebra.detach(next)).digest); // a state has no gradient
    }
    states.digests = std::move(refined);
  }
  for (const Digest &digest : distinct())
    states.together.add(digest);
  return states;
}

} // namespace

LossForm::LossForm(const Program &program, std::span<const double> parameters, double unit)
    : states_(identifyStates(program, parameters, unit)), algebra(program, states_.digests, unit) {
  // SPEC H12: the objective is the mean over pairs.
  value = algebra.batchMean(algebra.normalise(program.loss, parameters));
}

Digest LossForm::digest(TermId result) const {
  Digest digest = algebra.term(result).digest;
  return states_.digests.empty() ? digest : digest.add(states_.together);
}

Digest exactDigest(const Program &program, std::span<const double> parameters) {
  Digest digest = exactDigest(program, program.loss, parameters);
  for (const State &state : program.states)
    digest.add(exactDigest(program, state.initial, parameters))
        .add(exactDigest(program, state.next, parameters));
  return digest;
}

Digest lossDigest(const Program &program, std::span<const double> parameters) {
  try {
    const LossForm form(program, parameters, 1);
    return form.digest(form.value);
  } catch (const Algebra::GiveUp &) {
    return exactDigest(program, parameters);
  }
}

} // namespace disco::dsl
