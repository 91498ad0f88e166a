// State, columns and progress: what enters a step besides log-probabilities, and what a step leaves
// behind.
#include "dsl/Dsl.h"
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/ProgramBuilder.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace disco::dsl;

namespace {

using Numbers = std::vector<double>;

/// loss = a * margin; next a = b, next b = a + batch_sum(margin); a starts at `start`, b at 1.
Program fibonacci() {
  ProgramBuilder build;
  NodeId start = build.parameter("start", 0.1);
  NodeId a = build.state("a", start), b = build.state("b", build.constant(1));
  NodeId margin = build.policyMargin();
  NodeId sum = build.apply(Op::Add, {a, build.apply(Op::BatchSum, {margin})});
  return build.finish(build.apply(Op::Mul, {a, margin}), {b, sum});
}

Step stepWith(Numbers states) {
  Step step;
  step.pairs = 2;
  step.columns = margins({2, 4});
  step.states = std::move(states);
  return step;
}

TEST(State, IsReadBeforeAndWrittenAfterTheStep) {
  Evaluation out = evaluate(fibonacci(), stepWith({10, 20}));
  EXPECT_EQ(out.losses, (Numbers{20, 40}));
  EXPECT_EQ(out.next, (Numbers{20, 16})); // both from the old values
}

TEST(State, StartsFromParameters) {
  const Program program = fibonacci();
  Interpreter interpreter(program);
  EXPECT_EQ(initialStates(program, Numbers{7}), (Numbers{7, 1}));
  Evaluation out;
  interpreter.evaluate(stepWith({}).batch(), Numbers{7}, out);
  EXPECT_EQ(out.losses, (Numbers{14, 28}));
}

// Values of this precision are reported, next is not rounded and starts from unrounded numbers.
TEST(State, NextIsInDoubleInEveryPrecision) {
  const Program program = fibonacci();
  const Evaluation exact = evaluate(program, stepWith({0.1, 0.3}));
  const Evaluation single = evaluate(program, stepWith({0.1, 0.3}), Precision::Float32);
  EXPECT_EQ(exact.next, (Numbers{0.3, 6.1}));
  EXPECT_EQ(single.next, exact.next);
  EXPECT_EQ(single.losses[0], double(float(2 * 0.1f)));
}

TEST(State, NextAloneReadsNothingOfTheLoss) {
  ProgramBuilder build;
  const NodeId count = build.state("count", build.constant(0));
  const Program program =
      build.finish(build.policyMargin(), {build.apply(Op::Add, {count, build.constant(1)})});
  Batch batch; // without a column
  batch.pairs = 1000;
  const Numbers before = {4};
  batch.states = before;
  Evaluation out;
  Interpreter(program).evaluate(batch, {}, out, Precision::Double,
                                {.gradients = false, .reports = false, .loss = false});
  EXPECT_EQ(out.next, (Numbers{5}));
}

TEST(State, NoGradientPassesThroughNext) {
  EXPECT_EQ(chosenGradient(evaluate(fibonacci(), stepWith({10, 20}))), (Numbers{5, 5}));
}

TEST(State, IsNotAdvancedWhereItIsNotWanted) {
  const Program program = fibonacci();
  Evaluation out;
  Interpreter(program).evaluate(stepWith({10, 20}).batch(), program.defaultParameters(), out,
                                Precision::Double, {.next = false});
  EXPECT_TRUE(out.next.empty());
}

TEST(Column, IsReadOrItsDefault) {
  ProgramBuilder build;
  NodeId weight = build.column("weight", 3);
  Program program = build.finish(build.apply(Op::Mul, {weight, build.policyMargin()}));
  Step step = stepWith({});
  step.dataColumns = {{10, 100}};
  EXPECT_EQ(evaluate(program, step).losses, (Numbers{20, 400}));
  step.dataColumns = {{}};
  EXPECT_EQ(evaluate(program, step).losses, (Numbers{6, 12}));
  step.dataColumns = {};
  EXPECT_EQ(evaluate(program, step).losses, (Numbers{6, 12}));
}

TEST(Progress, IsOneNumberForTheStep) {
  ProgramBuilder build;
  Program program =
      build.finish(build.apply(Op::Mul, {build.input(Input::progress), build.policyMargin()}));
  Step step = stepWith({});
  step.progress = 0.25;
  EXPECT_EQ(evaluate(program, step).losses, (Numbers{0.5, 1}));
  EXPECT_EQ(chosenGradient(evaluate(program, step)), (Numbers{0.125, 0.125}));
}

} // namespace
