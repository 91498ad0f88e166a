// Facts against what is published about objectives, closed forms, and what --facts promises.
#include "dsl/facts/FixIts.h"

#include "dsl/Dsl.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>

namespace disco::dsl::facts {
namespace {

Program compile(const std::string &text) {
  Diagnostics diagnostics;
  std::optional<Program> program = compileSource(Source("<test>", text), diagnostics);
  EXPECT_TRUE(program) << text;
  return *program;
}
Program ofMargin(const std::string &loss, const std::string &items = "") {
  return compile("objective o { " + items + " loss = " + loss + "; }");
}
Program shipped(const std::string &name) {
  Result<Source> source = readSource(std::string(DISCO_OBJECTIVES) + "/" + name + ".dpo");
  EXPECT_TRUE(source) << name;
  return compile(source->text());
}
Facts factsOf(const Program &program) {
  return facts::factsOf(program, program.defaultParameters());
}
LineFacts lineOf(const Program &program) {
  Tape tape(program);
  return lineFacts(program, tape, program.defaultParameters());
}
Verdict verdictOn(Box box, const Program &program) {
  return finitenessOn(program, Tape(program), program.defaultParameters(), box).verdict;
}

// SPEC F4: the numbers published for LRML, arXiv:2406.08414.
TEST(Facts, LrmlRisesAndFailsWhereItIsKnownTo) {
  const Program lrml = shipped("lrml");
  const LineFacts line = lineOf(lrml);
  ASSERT_EQ(line.risesOn.size(), 1u);
  EXPECT_NEAR(line.risesOn[0].first, -2.3714, 5e-5);
  EXPECT_NEAR(line.risesOn[0].second, 1.4401, 5e-5);
  EXPECT_TRUE(line.risesProved);
  EXPECT_NEAR(line.atZero.slope, 0.0392, 5e-5);
  ASSERT_TRUE(line.nonfiniteBelow);
  EXPECT_NEAR(line.nonfiniteBelow->margin, -1774.5, 0.05); // exp(88.72) is the largest in float32
  EXPECT_FALSE(line.nonfiniteAbove);
  EXPECT_EQ(line.below.slope, -0.05);
  EXPECT_EQ(line.below.value, kInfinity);
  EXPECT_EQ(line.above.value, 0);
}

TEST(Facts, TheWidthOfTheTrapFollowsBeta) {
  Program lrml = shipped("lrml");
  std::vector<double> parameters = lrml.defaultParameters();
  parameters[*lrml.parameterIndex("beta")] = 0.01;
  parameters[*lrml.parameterIndex("tau")] = 0.05 * 0.01 / 0.05; // as z / tau = margin there
  Tape tape(lrml);
  const LineFacts line = lineFacts(lrml, tape, parameters);
  ASSERT_EQ(line.risesOn.size(), 1u);
  EXPECT_LT(line.risesOn[0].first, 0);
}

// SPEC F6: batch variances of one pair are 0.
TEST(Facts, LossesThatDegenerateAtBatchOne) {
  for (const char *name : {"aqfl", "dbaql"})
    EXPECT_TRUE(factsOf(shipped(name)).degeneratesAtOne) << name;
  for (const char *name : {"dpo", "aql", "kto_pair", "lrml"})
    EXPECT_FALSE(factsOf(shipped(name)).degeneratesAtOne) << name;
}

// SPEC F7: as measured on the published code.
TEST(Facts, LossesThatLetOneNanSpread) {
  for (const char *name : {"aql", "aqfl", "dbaql", "kto_pair"})
    EXPECT_EQ(factsOf(shipped(name)).nanRowsOfTen, 10u) << name;
  for (const char *name : {"dpo", "hinge", "ipo", "padll", "cell", "lrml", "pfl", "simpo"})
    EXPECT_EQ(factsOf(shipped(name)).nanRowsOfTen, 1u) << name;
}

// SPEC F5, and the probes of the published code: which are finite everywhere they train.
TEST(Facts, OperatingVerdictsOfDiscoveredLosses) {
  for (const char *name :
       {"dpo", "hinge", "ipo", "kto_pair", "aql", "aqfl", "padll", "pfl", "simpo"})
    EXPECT_EQ(verdictOn(Box::Operating, shipped(name)), Verdict::Proved) << name;
  for (const char *name : {"lrml", "cell", "dbaql"})
    EXPECT_EQ(verdictOn(Box::Operating, shipped(name)), Verdict::Refuted) << name;
  for (const char *name : {"lrml", "cell", "dbaql", "aqfl"})
    EXPECT_EQ(verdictOn(Box::Step0, shipped(name)), Verdict::Proved) << name;
}

TEST(Facts, EveryShippedObjectiveHasFacts) {
  size_t objectives = 0, unknown = 0;
  for (const auto &entry : std::filesystem::directory_iterator(DISCO_OBJECTIVES)) {
    if (entry.path().extension() != ".dpo")
      continue;
    ++objectives;
    const Program program = shipped(entry.path().stem().string());
    const Facts facts = factsOf(program);
    for (const Finiteness &finiteness : facts.finiteOn) {
      EXPECT_LE(finiteness.boxes, kMaximalBoxes);
      // A witness is one for the interpreter, whoever asks.
      ASSERT_EQ(finiteness.verdict == Verdict::Refuted, finiteness.witness.has_value());
      if (!finiteness.witness)
        continue;
      Evaluation out;
      Interpreter(program).evaluate(finiteness.witness->batch(), program.defaultParameters(), out,
                                    Precision::Float32);
      EXPECT_FALSE(isFinite(out)) << program.name;
    }
    unknown += facts.finiteOn[1].verdict == Verdict::Unknown;
  }
  EXPECT_LE(10 * unknown, objectives) << "operating boxes without a verdict";
}

TEST(Facts, AnAnswerIsTheSameEachTime) {
  const Program program = shipped("aqfl");
  const Facts first = factsOf(program), second = factsOf(program);
  EXPECT_EQ(first.line.risesOn, second.line.risesOn);
  for (size_t i = 0; i < std::size(kBoxes); ++i) {
    EXPECT_EQ(first.finiteOn[i].verdict, second.finiteOn[i].verdict);
    EXPECT_EQ(first.finiteOn[i].boxes, second.finiteOn[i].boxes);
  }
}

// SPEC F1.
TEST(Facts, CouplingIsWhatTheLossReads) {
  const auto coupling = [](const Program &program) {
    const Coupling found = couplingOf(program);
    std::string flags;
    for (const auto &[set, letter] : {std::pair(found.batch, 'b'),
                                      {found.sort, 'o'},
                                      {found.stateful, 's'},
                                      {found.token, 't'},
                                      {found.scheduled, 'p'}})
      if (set)
        flags += letter;
    return flags;
  };
  EXPECT_EQ(coupling(ofMargin("softplus(-margin)")), "");
  EXPECT_EQ(coupling(ofMargin("softplus(-margin * batch_mean(margin))")), "b");
  EXPECT_EQ(coupling(ofMargin("softplus(-margin) + 0.5 * batch_mean(square(chosen_ratio))")), "");
  EXPECT_EQ(coupling(ofMargin("square(batch_mean(margin))")), "b");
}

// SPEC F2.
TEST(Facts, SeparableIsASumOfSides) {
  EXPECT_TRUE(isSeparable(ofMargin("softplus(-chosen_ratio) + softplus(rejected_ratio) / 2")));
  EXPECT_TRUE(isSeparable(ofMargin("-0.1 * margin")));
  EXPECT_TRUE(isSeparable(
      ofMargin("-(chosen_ratio - beta * square(rejected_ratio))", "param beta = 0.1;")));
  EXPECT_FALSE(isSeparable(ofMargin("softplus(-margin)")));
  EXPECT_FALSE(isSeparable(ofMargin("chosen_ratio * rejected_ratio")));
  // Through a batch statistic too.
  EXPECT_FALSE(isSeparable(ofMargin("sigmoid(chosen_ratio - batch_mean(rejected_ratio))")));
}

// SPEC F3: the slope at 0 of sigmoid losses is known.
TEST(Facts, SlopeAtZero) {
  EXPECT_DOUBLE_EQ(lineOf(ofMargin("softplus(-0.1 * margin)")).atZero.slope, -0.05);
  EXPECT_DOUBLE_EQ(lineOf(ofMargin("square(margin - 5)")).atZero.slope, -10);
  EXPECT_DOUBLE_EQ(lineOf(ofMargin("relu(margin)")).atZero.slope, 0); // at the kink, SPEC N6
}

TEST(Facts, RisesOfKnownCurves) {
  const auto rises = [](const std::string &loss) { return lineOf(ofMargin(loss)).risesOn; };
  using Intervals = std::vector<std::pair<double, double>>;
  EXPECT_EQ(rises("softplus(-margin)"), Intervals{});
  EXPECT_EQ(rises("relu(1 - margin)"), Intervals{});
  EXPECT_EQ(rises("softplus(margin)").size(), 1u); // the wrong sign
  EXPECT_EQ(rises("abs(margin)"), (Intervals{{0, 2e4}}));
  EXPECT_EQ(rises("where(margin < 0, 0, 1) - 0.001 * margin"), (Intervals{{0, 0}})); // a jump
  EXPECT_EQ(rises("where(margin < 0, 1, 0) - 0.001 * margin"), Intervals{});         // downwards
  const Intervals square = rises("square(margin - 5)");
  ASSERT_EQ(square.size(), 1u);
  EXPECT_NEAR(square[0].first, 5, 1e-9);
  EXPECT_EQ(square[0].second, 2e4);
  // Two dips of -cos near 0: x^4 - 8 x^2 falls to -2, rises to 0, falls to 2.
  const Intervals quartic = rises("margin^4 / 100 - 8 * margin^2 / 100");
  ASSERT_EQ(quartic.size(), 2u);
  EXPECT_NEAR(quartic[0].first, -2, 1e-9);
  EXPECT_NEAR(quartic[0].second, 0, 1e-9);
  EXPECT_NEAR(quartic[1].first, 2, 1e-9);
}

TEST(Facts, LimitsOfKnownCurves) {
  const LineFacts line = lineOf(ofMargin("sigmoid(-margin) + 2"));
  EXPECT_NEAR(*line.below.value, 3, 1e-12);
  EXPECT_NEAR(*line.above.value, 2, 1e-12);
  EXPECT_EQ(line.above.slope, 0);
  const LineFacts exponential = lineOf(ofMargin("exp(-0.1 * margin)"));
  EXPECT_EQ(exponential.below.value, kInfinity);
  EXPECT_EQ(exponential.below.slope, -kInfinity);
  EXPECT_EQ(exponential.above.value, 0);
}

TEST(Facts, OppositeSlopes) {
  EXPECT_EQ(lineOf(ofMargin("softplus(-margin)")).oppositeSlopes, true);
  EXPECT_EQ(lineOf(shipped("lrml")).oppositeSlopes, true); // also where it rises
  EXPECT_EQ(lineOf(ofMargin("softplus(-chosen_ratio)")).oppositeSlopes, false);
  EXPECT_EQ(lineOf(ofMargin("chosen_ratio + rejected_ratio - margin / 9")).oppositeSlopes, false);
}

// SPEC F5.
TEST(Facts, FailuresThatRandomProbesMiss) {
  // Exactly at 0, where every training starts.
  EXPECT_EQ(verdictOn(Box::Step0, ofMargin("-log(abs(margin))")), Verdict::Refuted);
  EXPECT_EQ(verdictOn(Box::Step0, ofMargin("margin / batch_std(margin)")), Verdict::Refuted);
  EXPECT_EQ(verdictOn(Box::Step0, ofMargin("sqrt(abs(margin))")), Verdict::Proved); // SPEC N6
  // Far out.
  EXPECT_EQ(verdictOn(Box::Operating, ofMargin("exp(-0.04 * margin)")), Verdict::Proved);
  EXPECT_EQ(verdictOn(Box::Operating, ofMargin("exp(-0.05 * margin)")), Verdict::Refuted);
  EXPECT_EQ(verdictOn(Box::Adversarial, ofMargin("exp(-0.04 * margin)")), Verdict::Refuted);
  // In between.
  EXPECT_EQ(verdictOn(Box::Operating, ofMargin("1 / (margin - 10)")), Verdict::Refuted);
  EXPECT_EQ(verdictOn(Box::Operating, ofMargin("1 / (1 + square(margin - 10))")), Verdict::Proved);
}

TEST(Facts, WhatFailsInABoxFailsInALargerOne) {
  const Facts facts =
      factsOf(ofMargin("where(margin > 1000, 1 / (margin - 1500), softplus(-margin))"));
  EXPECT_EQ(facts.finiteOn[0].verdict, Verdict::Proved);
  EXPECT_EQ(facts.finiteOn[1].verdict, Verdict::Refuted);
  EXPECT_EQ(facts.finiteOn[2].verdict, Verdict::Refuted);
  EXPECT_TRUE(facts.finiteOn[2].witness);
}

TEST(Facts, StableFormsAreProved) {
  EXPECT_EQ(verdictOn(Box::Operating, ofMargin("-log(sigmoid(margin))")), Verdict::Refuted);
  EXPECT_EQ(verdictOn(Box::Operating, ofMargin("-logsigmoid(margin)")), Verdict::Proved);
  EXPECT_EQ(verdictOn(Box::Operating, ofMargin("sigmoid(margin) * exp(-0.05 * margin)")),
            Verdict::Refuted);
  EXPECT_EQ(verdictOn(Box::Operating, ofMargin("exp(logsigmoid(margin) - 0.05 * margin)")),
            Verdict::Proved);
}

/// The text after the edits of the one warning; empty where it has none or there is no warning.
std::string repaired(const std::string &text) {
  const Source source("<test>", text);
  const Program program = compile(text);
  Diagnostics found;
  const Compile again = [](const Source &changed) {
    Diagnostics ignored;
    return compileSource(changed, ignored);
  };
  warnNotFinite(source, program, program.defaultParameters(), factsOf(program), again, found);
  if (found.empty())
    return "";
  EXPECT_EQ(found.sorted().front().kind, DiagnosticKind::NotFinite);
  return applySafeEdits(source, found.sorted()).value_or("");
}

// SPEC F8.
TEST(Facts, KnownFormsAreRewrittenWhereThatHelps) {
  EXPECT_EQ(repaired("objective o { loss = sigmoid(margin) * exp(-0.05 * margin); }"),
            "objective o { loss = exp(logsigmoid(margin) + (-0.05 * margin)); }");
  EXPECT_EQ(repaired("objective o { loss = exp(-0.05 * margin) * (1 - sigmoid(-margin)); }"),
            "objective o { loss = exp(logsigmoid(-(-margin)) + (-0.05 * margin)); }");
  EXPECT_EQ(repaired("objective o { loss = exp(-margin) / exp(-0.99 * margin); }"),
            "objective o { loss = exp((-margin) - (-0.99 * margin)); }");
  EXPECT_EQ(repaired("objective o { loss = exp(-margin) / (1 + exp(-margin)); }"),
            "objective o { loss = sigmoid(-margin); }");
  // Finite, or beyond repair, or not helped.
  EXPECT_EQ(repaired("objective o { loss = sigmoid(margin) * exp(-0.01 * margin); }"), "");
  EXPECT_EQ(repaired("objective o { loss = exp(-margin); }"), "");
  EXPECT_EQ(repaired("objective o { loss = sigmoid(margin) * exp(margin); }"), "");
}

TEST(Facts, LrmlIsProvedAfterItsRewriting) {
  Result<Source> source = readSource(std::string(DISCO_OBJECTIVES) + "/lrml.dpo");
  const std::string after = repaired(source->text());
  EXPECT_NE(after.find("exp(logsigmoid(z / tau) + (-z))"), std::string::npos) << after;
  EXPECT_EQ(verdictOn(Box::Adversarial, compile(after)), Verdict::Proved);
}

TEST(Facts, AClampIsAsNarrowAsItsBounds) {
  EXPECT_EQ(verdictOn(Box::Adversarial, ofMargin("exp(clamp(margin, -80, 80))")), Verdict::Proved);
  EXPECT_EQ(verdictOn(Box::Adversarial, ofMargin("exp(min(-margin, 80))")), Verdict::Proved);
}

} // namespace
} // namespace disco::dsl::facts
