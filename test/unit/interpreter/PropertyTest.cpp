// What holds for every program: the order of pairs does not matter, rows keep to themselves unless
// a reduction joins them, and what is not selected contributes exactly nothing (SPEC N5, N7).
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/RandomProgram.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>

using namespace disco::dsl;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

bool reads(const Program &program, std::initializer_list<Op> ops) {
  return std::any_of(program.nodes.begin(), program.nodes.end(), [&](const Node &node) {
    return std::find(ops.begin(), ops.end(), node.op) != ops.end();
  });
}

/// The numbers of one side's tokens, pair after pair in the order given.
std::vector<double> permuted(const std::vector<double> &values, const std::vector<size_t> &offsets,
                             const std::vector<size_t> &order) {
  std::vector<double> moved;
  for (size_t pair : order)
    moved.insert(moved.end(), values.begin() + ptrdiff_t(offsets[pair]),
                 values.begin() + ptrdiff_t(offsets[pair + 1]));
  return moved;
}

/// A step's numbers with its pairs in another order.
class Permutation {
public:
  Permutation(const Step &step, TestRandom &random) : order_(step.pairs), pairs_(step.pairs + 1) {
    std::iota(order_.begin(), order_.end(), 0);
    std::iota(pairs_.begin(), pairs_.end(), 0);
    for (size_t i = order_.size(); i > 1; --i)
      std::swap(order_[i - 1], order_[random.below(i)]);
  }
  std::vector<double> of(const std::vector<double> &values, Extent extent, const Step &step) const {
    return permuted(values,
                    extent == Extent::ChosenToken     ? step.chosenOffsets
                    : extent == Extent::RejectedToken ? step.rejectedOffsets
                                                      : pairs_,
                    order_);
  }
  Step of(const Step &step) const {
    Step moved = step;
    for (auto &[input, values] : moved.columns)
      values = of(values, inputExtent(input), step);
    for (std::vector<double> &column : moved.dataColumns)
      column = of(column, Extent::Pair, step);
    for (std::vector<size_t> *offsets : {&moved.chosenOffsets, &moved.rejectedOffsets}) {
      const std::vector<size_t> before = *offsets;
      for (size_t i = 0; i < step.pairs; ++i)
        (*offsets)[i + 1] = (*offsets)[i] + before[order_[i] + 1] - before[order_[i]];
    }
    return moved;
  }

private:
  std::vector<size_t> order_, pairs_;
};

// Ranks, and the neighbours of a quantile among ties, follow the order of the batch: left out.
TEST(Property, ThePairsMayComeInAnyOrder) {
  size_t compared = 0;
  for (uint64_t seed = 0; seed < 1500; ++seed) {
    const Program program = randomProgram(seed, 1 + seed % 14, Vocabulary::All);
    if (reads(program, {Op::BatchSort, Op::BatchQuantile}))
      continue;
    const Step step = randomStep(seed, 2 + seed % 6, 3, program.columns.size());
    TestRandom random(seed);
    const Permutation permutation(step, random);
    const Evaluation moved = evaluate(program, permutation.of(step));
    Evaluation out;
    ErrorBounds bounds;
    Interpreter(program).evaluateWithBounds(step.batch(), program.defaultParameters(), out, bounds);
    // Sums are taken in another order: a few roundings of double, as the bounds amplify them.
    const auto expectSame = [&](const std::vector<double> &actual, const std::vector<double> &here,
                                const std::vector<double> &allowed, Extent extent) {
      const std::vector<double> expected = permutation.of(here, extent, step),
                                slack = permutation.of(allowed, extent, step);
      ASSERT_EQ(actual.size(), expected.size());
      for (size_t i = 0; i < actual.size(); ++i) {
        if (!std::isfinite(slack[i]) || !std::isfinite(expected[i]))
          continue;
        EXPECT_NEAR(actual[i], expected[i], slack[i] * 0x1p-24 + 1e-300) << "seed " << seed;
        ++compared;
      }
    };
    expectSame(moved.losses, out.losses, bounds.losses, Extent::Pair);
    for (size_t k = 0; k < kInputCount; ++k)
      if (inputHasGradient(Input(k)))
        expectSame(moved.gradients[k], out.gradients[k], bounds.gradients[k],
                   inputExtent(Input(k)));
  }
  EXPECT_GE(compared, 5000u);
}

TEST(Property, ANaNStaysInItsRowWithoutReductionsOverPairs) {
  size_t programs = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Program program = randomProgram(seed, 1 + seed % 12, Vocabulary::All);
    program.states.clear(); // their successors are sums over pairs
    program = withoutDeadNodes(program);
    if (reads(program, {Op::BatchSum, Op::BatchMax, Op::BatchSort, Op::BatchQuantile, Op::State}))
      continue;
    const Step step = randomStep(seed, 4, 3, program.columns.size());
    Step broken = step;
    broken.columns[Input::policy_chosen_logps][1] = kNaN;
    const Evaluation before = evaluate(program, step), after = evaluate(program, broken);
    for (size_t pair : {0, 2, 3}) {
      const auto same = [](double a, double b) { return a == b || (a != a && b != b); };
      EXPECT_TRUE(same(after.losses[pair], before.losses[pair])) << "seed " << seed;
      EXPECT_TRUE(same(chosenGradient(after)[pair], chosenGradient(before)[pair]))
          << "seed " << seed;
    }
    ++programs;
  }
  EXPECT_GE(programs, 300u);
}

/// The loss where(false, loss, policy margin).
Program unselected(Program program) {
  const auto add = [&](Op op, std::initializer_list<NodeId> operands, Kind kind, bool gradient) {
    Node node;
    node.op = op;
    node.type = {kind, Extent::Pair};
    node.hasGradient = gradient;
    std::copy(operands.begin(), operands.end(), node.operands.begin());
    program.nodes.push_back(node);
    return NodeId(program.nodes.size() - 1);
  };
  const auto input = [&](Input which) {
    const NodeId id = add(Op::Input, {}, Kind::Real, inputHasGradient(which));
    program.nodes[id].index = uint32_t(which);
    return id;
  };
  const NodeId chosen = input(Input::policy_chosen_logps);
  const NodeId margin =
      add(Op::Sub, {chosen, input(Input::policy_rejected_logps)}, Kind::Real, true);
  const NodeId zero = input(Input::reference_chosen_logps);
  const NodeId never = add(Op::Lt, {zero, zero}, Kind::Bool, false);
  program.loss = add(Op::Select, {never, program.loss, margin}, Kind::Real, true);
  return program;
}

TEST(Property, AnUnselectedProgramContributesExactlyNothing) {
  size_t notFinite = 0;
  for (uint64_t seed = 0; seed < 2000; ++seed) {
    const Program program = randomProgram(seed, 1 + seed % 20, Vocabulary::All);
    const Step step = randomStep(seed, 4, seed % 2 ? 5 : 100, program.columns.size());
    const Program without = unselected(program);
    for (Precision precision : {Precision::Double, Precision::Float32}) {
      const Evaluation out = evaluate(without, step, precision);
      const Evaluation alone = evaluate(program, step, precision);
      notFinite += std::any_of(chosenGradient(alone).begin(), chosenGradient(alone).end(),
                               [](double g) { return !std::isfinite(g); });
      // Of the margin's own inputs 1/4 may be left; of what was not selected nothing.
      for (const std::vector<double> &gradients : out.gradients)
        for (double g : gradients)
          EXPECT_TRUE(g == 0 || std::fabs(g) == 0.25) << "seed " << seed << ": " << g;
      EXPECT_TRUE(std::isfinite(out.loss)) << "seed " << seed;
    }
  }
  EXPECT_GE(notFinite, 100u);
}

} // namespace
