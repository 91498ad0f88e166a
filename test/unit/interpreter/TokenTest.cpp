// Values per token: ragged sides, sums over the tokens of a pair, what a token value passes to pair
// and batch values, and rows that keep to themselves.
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/ProgramBuilder.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace disco::dsl;

namespace {

constexpr Input kTokens = Input::policy_chosen_token_logps;

/// Three pairs whose chosen completions have two, no and three tokens.
Step ragged(std::vector<double> tokens = {-1, -2, -3, -4, -5}) {
  Step step;
  step.pairs = 3;
  step.chosenOffsets = {0, 2, 2, 5};
  step.columns = {{kTokens, std::move(tokens)},
                  {Input::policy_chosen_logps, {1, 2, 3}},
                  {Input::policy_rejected_logps, {0, 0, 0}}};
  return step;
}

const std::vector<double> &tokenGradient(const Evaluation &out) {
  return out.gradients[size_t(kTokens)];
}

TEST(Token, SumsCoverTheTokensOfEachPair) {
  ProgramBuilder build;
  Evaluation out =
      evaluate(build.finish(build.apply(Op::TokenSum, {build.input(kTokens)})), ragged());
  EXPECT_EQ(out.losses, (std::vector<double>{-3, 0, -12}));
  EXPECT_EQ(tokenGradient(out), std::vector<double>(5, 1.0 / 3));
  EXPECT_TRUE(out.gradients[size_t(Input::policy_rejected_token_logps)].empty());
}

// loss_i = sum_t m_i x_t^2: dm_i = sum_t x_t^2 / 3, dx_t = 2 m_i x_t / 3
TEST(Token, APairValueIsRepeatedForEachToken) {
  ProgramBuilder build;
  NodeId x = build.input(kTokens), margin = build.policyMargin();
  NodeId square = build.apply(Op::Mul, {x, x});
  Evaluation out = evaluate(
      build.finish(build.apply(Op::TokenSum, {build.apply(Op::Mul, {margin, square})})), ragged());
  EXPECT_EQ(out.losses, (std::vector<double>{5, 0, 150}));
  const std::vector<double> dChosen{5, 0, 50}, dTokens{-2, -4, -18, -24, -30};
  for (size_t i = 0; i < 3; ++i)
    EXPECT_DOUBLE_EQ(chosenGradient(out)[i], dChosen[i] / 3);
  for (size_t t = 0; t < 5; ++t)
    EXPECT_DOUBLE_EQ(tokenGradient(out)[t], dTokens[t] / 3);
}

// loss = sum over pairs and tokens of M x_t / 3 with M = mean(m) = 2: dm_i = sum of x / 9
TEST(Token, ABatchValueIsRepeatedForEachToken) {
  ProgramBuilder build;
  NodeId mean = build.apply(
      Op::Div, {build.apply(Op::BatchSum, {build.policyMargin()}), build.input(Input::batch_size)});
  Evaluation out = evaluate(
      build.finish(build.apply(Op::TokenSum, {build.apply(Op::Mul, {mean, build.input(kTokens)})})),
      ragged());
  EXPECT_DOUBLE_EQ(out.loss, -10);
  for (double gradient : chosenGradient(out))
    EXPECT_DOUBLE_EQ(gradient, -15.0 / 9);
  for (double gradient : tokenGradient(out))
    EXPECT_DOUBLE_EQ(gradient, 2.0 / 3);
}

TEST(Token, PositionsStartAgainInEveryPair) {
  ProgramBuilder build;
  NodeId position = build.input(Input::chosen_token_index);
  NodeId product = build.apply(Op::Mul, {position, build.input(kTokens)});
  Evaluation out = evaluate(build.finish(build.apply(Op::TokenSum, {product})), ragged());
  EXPECT_EQ(out.losses, (std::vector<double>{-2, 0, -14}));
}

TEST(Token, TheSidesHaveTokensOfTheirOwn) {
  ProgramBuilder build;
  NodeId chosen = build.apply(Op::TokenSum, {build.input(kTokens)});
  NodeId rejected = build.apply(Op::TokenSum, {build.input(Input::policy_rejected_token_logps)});
  Step step = ragged();
  step.rejectedOffsets = {0, 1, 2, 3};
  step.columns[Input::policy_rejected_token_logps] = {-10, -20, -30};
  Evaluation out = evaluate(build.finish(build.apply(Op::Sub, {chosen, rejected})), step);
  EXPECT_EQ(out.losses, (std::vector<double>{7, 20, 18}));
  EXPECT_EQ(out.gradients[size_t(Input::policy_rejected_token_logps)],
            std::vector<double>(3, -1.0 / 3));
}

TEST(Token, ANaNStaysInItsPair) {
  ProgramBuilder build;
  NodeId sum = build.apply(Op::TokenSum, {build.apply(Op::Exp, {build.input(kTokens)})});
  Evaluation out = evaluate(build.finish(sum), ragged({-1, std::nan(""), -3, -4, -5}));
  EXPECT_TRUE(std::isnan(out.losses[0]));
  EXPECT_EQ(out.losses[1], 0);
  EXPECT_DOUBLE_EQ(out.losses[2], std::exp(-3) + std::exp(-4) + std::exp(-5));
  EXPECT_DOUBLE_EQ(tokenGradient(out)[0], std::exp(-1) / 3);
  EXPECT_TRUE(std::isnan(tokenGradient(out)[1]));
  EXPECT_DOUBLE_EQ(tokenGradient(out)[4], std::exp(-5) / 3);
}

// sum_t where(x > -2.5, x, log(x)): log of a negative token is NaN and is not chosen.
TEST(Token, AnUnselectedArmPassesExactlyZero) {
  ProgramBuilder build;
  NodeId x = build.input(kTokens);
  NodeId near = build.apply(Op::Lt, {build.constant(-2.5), x});
  NodeId arm = build.apply(Op::Select, {near, x, build.apply(Op::Log, {build.constant(1)})});
  NodeId other = build.apply(Op::Select, {near, x, build.apply(Op::Neg, {x})});
  NodeId bad = build.apply(
      Op::Select, {build.apply(Op::Lt, {build.constant(0), x}), build.apply(Op::Log, {x}), other});
  Evaluation out = evaluate(
      build.finish(build.apply(Op::TokenSum, {build.apply(Op::Add, {arm, bad})})), ragged());
  EXPECT_EQ(out.losses, (std::vector<double>{-6, 0, 12}));
  EXPECT_EQ(tokenGradient(out),
            (std::vector<double>{2.0 / 3, 2.0 / 3, -1.0 / 3, -1.0 / 3, -1.0 / 3}));
}

TEST(Token, Float32RoundsASumOnce) {
  ProgramBuilder build;
  Program program = build.finish(build.apply(Op::TokenSum, {build.input(kTokens)}));
  const double tiny = 0x1p-24;
  Evaluation out = evaluate(program, ragged({1, tiny, 1, tiny, tiny}), Precision::Float32);
  EXPECT_EQ(out.losses[0], 1);            // halfway: to even
  EXPECT_EQ(out.losses[2], 1 + 2 * tiny); // one by one both would be lost
}

TEST(Token, CountsMayChangeBetweenCalls) {
  ProgramBuilder build;
  Program program = build.finish(build.apply(Op::TokenSum, {build.input(kTokens)}));
  Interpreter interpreter(program);
  Evaluation out;
  for (size_t tokens : {4, 1, 50}) {
    Step step;
    step.pairs = 2;
    step.chosenOffsets = {0, 1, tokens + 1};
    step.columns = {{kTokens, std::vector<double>(tokens + 1, 1.0)}};
    interpreter.evaluate(step.batch(), {}, out);
    EXPECT_EQ(out.losses, (std::vector<double>{1, double(tokens)}));
    EXPECT_EQ(tokenGradient(out).size(), tokens + 1);
  }
}

} // namespace
