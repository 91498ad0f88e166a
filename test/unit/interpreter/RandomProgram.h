// Random programs over all operations, for property tests. The same seed gives the same program
// everywhere.
#pragma once

#include "dsl/Interpreter.h"
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

/// Which operations may appear: all of them, or those that are smooth wherever they are finite.
enum class Vocabulary { All, Smooth };

/// The program without the nodes that nothing reads, as the checker makes it.
inline Program withoutDeadNodes(const Program &program) {
  std::vector<bool> read(program.nodes.size());
  for (NodeId result : {program.loss, program.chosenReward, program.rejectedReward})
    read[result] = true;
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
  return kept;
}

inline Program randomProgram(uint64_t seed, size_t operations, Vocabulary vocabulary) {
  TestRandom random(seed);
  ProgramBuilder build;
  std::vector<NodeId> reals{build.policyMargin(),
                            build.input(Input::policy_chosen_logps),
                            build.input(Input::policy_rejected_logps),
                            build.input(Input::reference_chosen_logps),
                            build.input(Input::batch_size),
                            build.parameter("beta", 0.1),
                            build.constant(random.uniform(-2, 2))};
  std::vector<NodeId> bools;
  const auto real = [&] { return reals[random.below(reals.size())]; };
  // Recent values are chosen more often, so that programs grow deep as well as wide.
  const auto recent = [&] { return random.below(2) ? reals.back() : real(); };
  const auto pairOf = [&](NodeId id) {
    return build.program()[id].type.extent == Extent::Pair
               ? id
               : build.apply(Op::Mul, {id, reals.front()});
  };
  constexpr Op smooth[] = {Op::Neg,  Op::Exp,     Op::Log,      Op::Log1p, Op::Expm1, Op::Sqrt,
                           Op::Tanh, Op::Sigmoid, Op::Softplus, Op::Add,   Op::Sub,   Op::Mul,
                           Op::Div,  Op::Pow,     Op::BatchSum, Op::Detach};
  constexpr Op kinked[] = {Op::Abs, Op::Sign, Op::Min, Op::Max, Op::Lt,  Op::Le,
                           Op::Eq,  Op::Ne,   Op::And, Op::Or,  Op::Not, Op::Select};
  const size_t choices =
      std::size(smooth) + (vocabulary == Vocabulary::All ? std::size(kinked) : 0);
  while (operations-- > 0) {
    const size_t choice = random.below(choices);
    const Op op = choice < std::size(smooth) ? smooth[choice] : kinked[choice - std::size(smooth)];
    const OpShape shape = opShape(op);
    const auto boolean = [&] { return bools[random.below(bools.size())]; };
    if (shape == OpShape::Compare) {
      bools.push_back(build.apply(op, {recent(), real()}));
    } else if (shape == OpShape::Logic) {
      if (!bools.empty())
        bools.push_back(op == Op::Not ? build.apply(op, {boolean()})
                                      : build.apply(op, {boolean(), boolean()}));
    } else if (shape == OpShape::Select) {
      if (!bools.empty())
        reals.push_back(build.apply(op, {boolean(), recent(), real()}));
    } else if (op == Op::BatchSum) {
      reals.push_back(build.apply(op, {pairOf(recent())}));
    } else if (op == Op::Pow) {
      reals.push_back(build.apply(op, {recent(), build.constant(double(random.below(7)) - 2)}));
    } else if (opArity(op) == 1) {
      reals.push_back(build.apply(op, {recent()}));
    } else {
      reals.push_back(build.apply(op, {recent(), real()}));
    }
  }
  return withoutDeadNodes(build.finish(
      build.apply(Op::Mul, {reals.back(), build.apply(Op::Sigmoid, {reals.front()})})));
}

/// `pairs` pairs of float32 numbers whose margins spread over [-spread, spread]; every fifth margin
/// is an exact tie.
inline std::vector<std::vector<double>> randomColumns(uint64_t seed, size_t pairs, double spread) {
  TestRandom random(seed);
  std::vector<std::vector<double>> columns(kInputCount, std::vector<double>(pairs));
  for (size_t i = 0; i < pairs; ++i) {
    const double base = float(random.uniform(-spread, 0));
    const double margin = i % 5 == 0 ? 0 : random.uniform(-spread, spread);
    columns[size_t(Input::policy_chosen_logps)][i] = float(base + margin);
    columns[size_t(Input::policy_rejected_logps)][i] = base;
    columns[size_t(Input::reference_chosen_logps)][i] = base;
    columns[size_t(Input::reference_rejected_logps)][i] = base;
    columns[size_t(Input::chosen_length)][i] = double(1 + random.below(200));
    columns[size_t(Input::rejected_length)][i] = double(1 + random.below(200));
  }
  return columns;
}

inline Batch batchOf(const std::vector<std::vector<double>> &columns) {
  Batch batch;
  batch.pairs = columns.front().size();
  for (size_t i = 0; i < kInputCount; ++i)
    batch.columns[i] = columns[i];
  return batch;
}

} // namespace disco::dsl
