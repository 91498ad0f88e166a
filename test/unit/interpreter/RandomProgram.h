// Random programs over all operations, for property tests. The same seed gives the same program
// everywhere.
#pragma once

#include "dsl/Interpreter.h"
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/ProgramBuilder.h"

#include <cstdint>
#include <vector>

namespace disco::dsl {

/// SplitMix64: good enough to choose test cases, and the same on every platform, unlike <random>'s
/// distributions.
class TestRandom {
public:
  explicit TestRandom(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  size_t below(size_t bound) { return size_t(next() % bound); }
  double uniform(double low, double high) {
    return low + (high - low) * double(next() >> 11) * 0x1p-53;
  }

private:
  uint64_t state_;
};

/// Which operations may appear: all of them, those on pair and batch values without order, columns
/// and state, or those that are smooth wherever they are finite.
enum class Vocabulary { All, Pairs, Smooth };

/// The program without the nodes that nothing reads, as the checker makes it.
inline Program withoutDeadNodes(const Program &program) {
  std::vector<bool> read(program.nodes.size());
  for (NodeId result : {program.loss, program.chosenReward, program.rejectedReward})
    read[result] = true;
  for (const State &state : program.states)
    read[state.initial] = read[state.next] = true;
  for (size_t id = program.nodes.size(); id-- > 0;)
    for (unsigned i = 0; read[id] && i < opArity(program.nodes[id].op); ++i)
      read[program.nodes[id].operands[i]] = true;
  Program kept = program;
  kept.nodes.clear();
  std::vector<NodeId> moved(program.nodes.size());
  for (NodeId id = 0; id < program.nodes.size(); ++id) {
    if (!read[id])
      continue;
    Node node = program[id];
    for (unsigned i = 0; i < opArity(node.op); ++i)
      node.operands[i] = moved[node.operands[i]];
    moved[id] = NodeId(kept.nodes.size());
    kept.nodes.push_back(node);
  }
  kept.loss = moved[program.loss];
  kept.chosenReward = moved[program.chosenReward];
  kept.rejectedReward = moved[program.rejectedReward];
  for (State &state : kept.states) {
    state.initial = moved[state.initial];
    state.next = moved[state.next];
  }
  return kept;
}

/// Grows one random program, operation by operation.
class RandomProgram {
public:
  RandomProgram(uint64_t seed, Vocabulary vocabulary) : random_(seed), vocabulary_(vocabulary) {
    reals_ = {build_.policyMargin(),
              build_.input(Input::policy_chosen_logps),
              build_.input(Input::policy_rejected_logps),
              build_.input(Input::reference_chosen_logps),
              build_.input(Input::batch_size),
              build_.parameter("beta", 0.1),
              build_.constant(random_.uniform(-2, 2))};
    if (vocabulary_ == Vocabulary::Pairs)
      return;
    reals_.push_back(build_.input(Input::progress));
    reals_.push_back(build_.column("weight"));
    reals_.push_back(build_.state("level", build_.constant(0.5)));
    tokens_[0] = {build_.input(Input::policy_chosen_token_logps),
                  build_.input(Input::reference_chosen_token_logps),
                  build_.input(Input::chosen_token_index), build_.input(Input::chosen_token_kl)};
    tokens_[1] = {build_.input(Input::policy_rejected_token_logps),
                  build_.input(Input::reference_rejected_token_logps),
                  build_.input(Input::rejected_token_index),
                  build_.input(Input::rejected_token_kl)};
  }

  Program grown(size_t operations) {
    while (operations-- > 0) {
      if (vocabulary_ != Vocabulary::Pairs && random_.below(3) == 0)
        growTokens();
      else
        growReals();
    }
    const NodeId bounded = build_.apply(Op::Sigmoid, {reals_.front()});
    const NodeId loss = build_.apply(Op::Mul, {reals_.back(), bounded});
    if (vocabulary_ == Vocabulary::Pairs)
      return withoutDeadNodes(build_.finish(loss));
    return withoutDeadNodes(build_.finish(loss, {build_.apply(Op::BatchSum, {loss})}));
  }

private:
  static constexpr Op kSmooth[] = {
      Op::Neg, Op::Exp, Op::Log,     Op::Log1p,    Op::Expm1, Op::Sqrt, Op::Tanh,     Op::Add,
      Op::Sub, Op::Mul, Op::Sigmoid, Op::Softplus, Op::Div,   Op::Pow,  Op::BatchSum, Op::Detach};
  static constexpr Op kKinked[] = {Op::Abs, Op::Sign, Op::Min, Op::Max, Op::Lt,  Op::Le,
                                   Op::Eq,  Op::Ne,   Op::And, Op::Or,  Op::Not, Op::Select};
  static constexpr Op kOrdered[] = {Op::BatchMax, Op::BatchSort, Op::BatchQuantile};

  Op operation() {
    const size_t smooth = std::size(kSmooth), kinked = std::size(kKinked),
                 ordered = std::size(kOrdered);
    if (vocabulary_ == Vocabulary::Pairs) {
      const size_t choice = random_.below(smooth + kinked);
      return choice < smooth ? kSmooth[choice] : kKinked[choice - smooth];
    }
    const size_t choice =
        random_.below(smooth + ordered + (vocabulary_ == Vocabulary::All ? kinked : 0));
    return choice < smooth             ? kSmooth[choice]
           : choice < smooth + ordered ? kOrdered[choice - smooth]
                                       : kKinked[choice - smooth - ordered];
  }
  NodeId any(const std::vector<NodeId> &from) { return from[random_.below(from.size())]; }
  // Recent values are chosen more often, so that programs grow deep as well as wide.
  NodeId recent(const std::vector<NodeId> &from) {
    return random_.below(2) ? from.back() : any(from);
  }
  NodeId pairOf(NodeId id) {
    return build_.program()[id].type.extent == Extent::Pair
               ? id
               : build_.apply(Op::Mul, {id, reals_.front()});
  }

  void growReals() {
    const Op op = operation();
    const OpShape shape = opShape(op);
    if (shape == OpShape::Compare) {
      bools_.push_back(build_.apply(op, {recent(reals_), any(reals_)}));
    } else if (shape == OpShape::Logic) {
      if (!bools_.empty())
        bools_.push_back(op == Op::Not ? build_.apply(op, {any(bools_)})
                                       : build_.apply(op, {any(bools_), any(bools_)}));
    } else if (shape == OpShape::Select) {
      if (!bools_.empty())
        reals_.push_back(build_.apply(op, {any(bools_), recent(reals_), any(reals_)}));
    } else if (op == Op::BatchQuantile) {
      const NodeId q = build_.constant(double(random_.below(5)) / 4);
      reals_.push_back(build_.apply(op, {pairOf(recent(reals_)), q}));
    } else if (shape == OpShape::Reduce || shape == OpShape::Sort) {
      reals_.push_back(build_.apply(op, {pairOf(recent(reals_))}));
    } else if (op == Op::Pow) {
      const NodeId p = build_.constant(double(random_.below(7)) - 2);
      reals_.push_back(build_.apply(op, {recent(reals_), p}));
    } else if (opArity(op) == 1) {
      reals_.push_back(build_.apply(op, {recent(reals_)}));
    } else {
      reals_.push_back(build_.apply(op, {recent(reals_), any(reals_)}));
    }
  }

  /// An operation on the tokens of one side and perhaps a pair or batch value, or their sum.
  void growTokens() {
    std::vector<NodeId> &tokens = tokens_[random_.below(2)];
    const Op op = operation();
    if (random_.below(3) == 0)
      reals_.push_back(build_.apply(Op::TokenSum, {recent(tokens)}));
    else if (opShape(op) != OpShape::Pointwise)
      tokens.push_back(build_.apply(Op::Mul, {recent(tokens), recent(reals_)}));
    else if (op == Op::Pow)
      tokens.push_back(build_.apply(op, {recent(tokens), build_.constant(2)}));
    else if (opArity(op) == 1)
      tokens.push_back(build_.apply(op, {recent(tokens)}));
    else
      tokens.push_back(
          build_.apply(op, {recent(tokens), random_.below(2) ? any(tokens) : any(reals_)}));
  }

  TestRandom random_;
  Vocabulary vocabulary_;
  ProgramBuilder build_;
  std::vector<NodeId> reals_, bools_, tokens_[2];
};

inline Program randomProgram(uint64_t seed, size_t operations, Vocabulary vocabulary) {
  return RandomProgram(seed, vocabulary).grown(operations);
}

/// `pairs` pairs of float32 numbers whose margins spread over [-spread, spread]; every fifth margin
/// is an exact tie, and no log-probability is positive. Completions have 0 to 4 tokens. A column
/// for each of `dataColumns`, with values in (0, 1); states are initial.
inline Step randomStep(uint64_t seed, size_t pairs, double spread, size_t dataColumns = 0) {
  TestRandom random(seed);
  const auto narrow = [&](double low, double high) {
    return double(float(random.uniform(low, high)));
  };
  Step step;
  step.pairs = pairs;
  for (size_t i = 0; i < pairs; ++i) {
    const double base = narrow(-2 * spread - 1, -spread - 1);
    const double margin = i % 5 == 0 ? 0 : random.uniform(-spread, spread);
    step.columns[Input::policy_chosen_logps].push_back(float(base + margin));
    step.columns[Input::policy_rejected_logps].push_back(base);
    step.columns[Input::reference_chosen_logps].push_back(base);
    step.columns[Input::reference_rejected_logps].push_back(base);
    step.columns[Input::chosen_length].push_back(double(1 + random.below(200)));
    step.columns[Input::rejected_length].push_back(double(1 + random.below(200)));
  }
  step.progress = narrow(0, 1);
  step.dataColumns.resize(dataColumns);
  for (std::vector<double> &column : step.dataColumns)
    for (size_t i = 0; i < pairs; ++i)
      column.push_back(narrow(0.01, 0.99));
  for (std::vector<size_t> *offsets : {&step.chosenOffsets, &step.rejectedOffsets}) {
    offsets->push_back(0);
    for (size_t i = 0; i < pairs; ++i)
      offsets->push_back(offsets->back() + random.below(5));
  }
  for (size_t k = 0; k < kInputCount; ++k) {
    const Extent extent = inputExtent(Input(k));
    if (!isToken(extent))
      continue;
    const size_t tokens =
        extent == Extent::ChosenToken ? step.chosenOffsets.back() : step.rejectedOffsets.back();
    const bool divergence =
        Input(k) == Input::chosen_token_kl || Input(k) == Input::rejected_token_kl;
    for (size_t t = 0; t < tokens; ++t)
      step.columns[Input(k)].push_back(divergence ? narrow(0, 1) : narrow(-4, -0.01));
  }
  return step;
}

} // namespace disco::dsl
