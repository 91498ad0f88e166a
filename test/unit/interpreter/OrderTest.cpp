// Order statistics of a batch: sorting, quantiles and the largest value, with their ties, NaNs and
// gradients (SPEC N6, N7, N9).
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/ProgramBuilder.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

using namespace disco::dsl;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
using Numbers = std::vector<double>;

/// sort(margin) times 1, 2, 3, ... of the reference input, so that every rank has its own adjoint.
Evaluation sorted(Numbers values, Precision precision = Precision::Double) {
  ProgramBuilder build;
  NodeId rank = build.input(Input::reference_chosen_logps);
  NodeId product = build.apply(Op::Mul, {rank, build.apply(Op::BatchSort, {build.policyMargin()})});
  Columns columns = margins(values);
  for (size_t i = 0; i < values.size(); ++i)
    columns[Input::reference_chosen_logps].push_back(double(i + 1));
  return evaluate(build.finish(product), columns, precision);
}

TEST(Order, SortAscendsAndTheGradientFollows) {
  Evaluation out = sorted({5, -1, 3, 0});
  EXPECT_EQ(out.losses, (Numbers{-1, 0, 9, 20}));
  EXPECT_EQ(chosenGradient(out), (Numbers{4.0 / 4, 1.0 / 4, 3.0 / 4, 2.0 / 4}));
}

TEST(Order, SortIsStable) {
  EXPECT_EQ(chosenGradient(sorted({2, 1, 2, 1})), (Numbers{3.0 / 4, 1.0 / 4, 4.0 / 4, 2.0 / 4}));
  EXPECT_EQ(chosenGradient(sorted({0.0, -0.0})), (Numbers{1.0 / 2, 2.0 / 2}));
}

TEST(Order, SortPutsNaNLastInBatchOrder) {
  Evaluation out = sorted({kNaN, 2, kNaN, -INFINITY});
  EXPECT_EQ(out.losses[0], -INFINITY);
  EXPECT_EQ(out.losses[1], 4);
  EXPECT_TRUE(std::isnan(out.losses[2]) && std::isnan(out.losses[3]));
  EXPECT_EQ(chosenGradient(out), (Numbers{3.0 / 4, 2.0 / 4, 4.0 / 4, 1.0 / 4}));
}

// In float32 both are 16777216 and batch order decides; in double the second is smaller.
TEST(Order, Float32SortsRoundedValues) {
  const Numbers values{16777217.5, 16777217};
  EXPECT_EQ(chosenGradient(sorted(values)), (Numbers{2.0 / 2, 1.0 / 2}));
  Numbers halves{16777216.75, 16777216.5};
  EXPECT_EQ(chosenGradient(sorted(halves, Precision::Float32)), (Numbers{1.0 / 2, 2.0 / 2}));
}

Evaluation largestOf(Numbers values) {
  ProgramBuilder build;
  return evaluate(build.finish(build.apply(Op::BatchMax, {build.policyMargin()})),
                  margins(std::move(values)));
}

TEST(Order, MaxAndItsGradient) {
  Evaluation out = largestOf({1, 7, -3});
  EXPECT_EQ(out.loss, 7);
  EXPECT_EQ(chosenGradient(out), (Numbers{0, 1, 0}));
}

TEST(Order, MaxSharesATie) {
  EXPECT_EQ(chosenGradient(largestOf({4, 1, 4, 4, 0})), (Numbers{1.0 / 3, 0, 1.0 / 3, 1.0 / 3, 0}));
  EXPECT_EQ(chosenGradient(largestOf({0, -0.0})), (Numbers{0.5, 0.5}));
}

TEST(Order, MaxOfNaNIsNaN) {
  for (const Numbers &values : {Numbers{kNaN, 1, 2}, Numbers{1, kNaN, 2}, Numbers{1, 2, kNaN}})
    EXPECT_TRUE(std::isnan(largestOf(values).loss));
  Evaluation out = largestOf({1, kNaN, 2, kNaN});
  EXPECT_EQ(chosenGradient(out), (Numbers{0, 0.5, 0, 0.5}));
}

TEST(Order, MaxOfInfinities) {
  EXPECT_EQ(largestOf({-INFINITY, -INFINITY}).loss, -INFINITY);
  EXPECT_EQ(chosenGradient(largestOf({-INFINITY, INFINITY})), (Numbers{0, 1}));
}

Evaluation quantileOf(Numbers values, double q) {
  ProgramBuilder build;
  NodeId quantile = build.apply(Op::BatchQuantile, {build.policyMargin(), build.constant(q)});
  return evaluate(build.finish(quantile), margins(std::move(values)));
}

TEST(Order, QuantileInterpolatesLinearly) {
  const Numbers values{8, 0, 4, 1}; // sorted 0 1 4 8 at ranks 0 1 2 3
  EXPECT_EQ(quantileOf(values, 0).loss, 0);
  EXPECT_EQ(quantileOf(values, 1).loss, 8);
  EXPECT_EQ(quantileOf(values, 0.5).loss, 2.5);
  EXPECT_EQ(quantileOf(values, 0.25).loss, 0.75);
  EXPECT_EQ(quantileOf(values, 0.875).loss, 6.5);
}

TEST(Order, QuantileGivesItsNeighboursTheGradient) {
  const Numbers values{8, 0, 4, 1};
  EXPECT_EQ(chosenGradient(quantileOf(values, 0.25)), (Numbers{0, 0.25, 0, 0.75}));
  EXPECT_EQ(chosenGradient(quantileOf(values, 0.875)), (Numbers{0.625, 0, 0.375, 0}));
  EXPECT_EQ(chosenGradient(quantileOf(values, 1)), (Numbers{1, 0, 0, 0}));
  EXPECT_EQ(chosenGradient(quantileOf({3}, 0.3)), (Numbers{1}));
}

// Of equal values the one that sorts to the rank has the gradient.
TEST(Order, QuantileOfTiesFollowsTheStableOrder) {
  EXPECT_EQ(chosenGradient(quantileOf({2, 2, 2}, 0.5)), (Numbers{0, 1, 0}));
  EXPECT_EQ(chosenGradient(quantileOf({2, 1, 2}, 0.75)), (Numbers{0.5, 0, 0.5}));
}

TEST(Order, QuantileIsNaNForNaNAndForNoQuantile) {
  EXPECT_TRUE(std::isnan(quantileOf({1, kNaN, 2}, 0).loss));
  EXPECT_TRUE(std::isnan(quantileOf({1, 2}, -0.1).loss));
  EXPECT_TRUE(std::isnan(quantileOf({1, 2}, 1.5).loss));
  EXPECT_EQ(chosenGradient(quantileOf({1, 2}, 1.5)), (Numbers{0, 0}));
}

TEST(Order, OfNoPairs) {
  EXPECT_TRUE(std::isnan(largestOf({}).loss));
  EXPECT_TRUE(std::isnan(quantileOf({}, 0.5).loss));
  EXPECT_TRUE(sorted({}).losses.empty());
}

} // namespace
