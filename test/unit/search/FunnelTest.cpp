// The front of the funnel: what passes, what is refused and why.
#include "trainer/search/Funnel.h"

#include "dsl/Dsl.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

namespace disco::search {
namespace {

Screened screen(const std::string &loss) {
  Funnel funnel;
  return funnel.screen("objective x { param beta = 0.1 in [1e-3, 10] log; loss = " + loss + "; }");
}

// Of the shipped objectives without columns some have neither `beta` nor a margin, so that the
// search could not move them along the frontier, and one is exponential on purpose.
TEST(Funnel, ShippedObjectivesPassButForThoseWithoutScaleOrBound) {
  std::map<std::string, std::string> refused;
  size_t accepted = 0;
  for (const auto &entry : std::filesystem::directory_iterator(OBJECTIVES)) {
    if (entry.path().extension() != ".dpo")
      continue;
    Funnel funnel;
    Screened screened = funnel.screen(dsl::readSource(entry.path().string())->text());
    if (screened.verdict == Verdict::Accepted)
      ++accepted;
    else if (screened.verdict == Verdict::NoScale)
      EXPECT_FALSE(screened.program->parameterIndex("beta") ||
                   screened.program->lossNeedsReference())
          << entry.path();
    else if (screened.verdict != Verdict::NoColumn)
      refused[entry.path().stem()] = verdictName(screened.verdict);
  }
  EXPECT_EQ(refused, (std::map<std::string, std::string>{{"fdpo_forward_kl", "non_finite"}}));
  EXPECT_GE(accepted, 36u);
}

TEST(Funnel, TextThatDoesNotCheckNamesTheDiagnostic) {
  Screened screened = screen("beta * unheard_of");
  EXPECT_EQ(screened.verdict, Verdict::Invalid);
  ASSERT_FALSE(screened.diagnosticIds.empty());
  EXPECT_EQ(screened.reason.substr(0, screened.diagnosticIds[0].size()), screened.diagnosticIds[0]);
}

TEST(Funnel, ReadsTokensStateOrderAndColumnsWithADefault) {
  for (const char *items : {"column weight = 1; loss = weight * softplus(-margin);",
                            "state n = 1; next n = n + 1; loss = softplus(-n * margin);",
                            "loss = softplus(-batch_sort(margin));",
                            "loss = softplus(-margin) + token_sum(chosen_token_kl);",
                            "loss = softplus((progress - 1) * margin);"}) {
    Funnel funnel;
    const Screened screened = funnel.screen("objective x { " + std::string(items) + " }");
    EXPECT_EQ(verdictName(screened.verdict), "accepted") << items << ": " << screened.reason;
  }
}

TEST(Funnel, AColumnWithoutDefaultIsNamed) {
  Funnel funnel;
  const Screened screened =
      funnel.screen("objective x { column weight; loss = weight * softplus(-margin); }");
  EXPECT_EQ(verdictName(screened.verdict), "no_column");
  EXPECT_NE(screened.reason.find("`weight`"), std::string::npos) << screened.reason;
}

TEST(Funnel, ATokenThatIsNotFiniteIsPlacedAtItsPair) {
  Funnel funnel;
  const Screened screened = funnel.screen(
      "objective x { let ratio = policy_chosen_token_logps - reference_chosen_token_logps; "
      "loss = softplus(-margin) + token_sum(exp(-ratio)); }");
  EXPECT_EQ(verdictName(screened.verdict), "non_finite");
  EXPECT_NE(screened.reason.find("at log-ratios -100"), std::string::npos) << screened.reason;
}

TEST(Funnel, HostileTextsAreOnlyInvalid) {
  for (const std::string &text :
       {std::string(), std::string(20000, '('), std::string("import os\nos.system('x')"),
        std::string("objective x { loss = margin; }\0", 31), std::string("\xff\xfe\x00\x01", 4)}) {
    Funnel funnel;
    EXPECT_EQ(funnel.screen(text).verdict, Verdict::Invalid);
  }
}

TEST(Funnel, SafeEditsAreMadeAndNamed) {
  const Screened screened = screen("-F.logsigmoid(beta * margin) + 0 * (margin < 0)");
  EXPECT_EQ(screened.verdict, Verdict::Accepted) << screened.reason;
  EXPECT_EQ(screened.repairs, (std::vector<std::string>{"ForeignSpelling", "KindMismatch"}));
  EXPECT_TRUE(screened.diagnosticIds.empty());
  EXPECT_NE(screened.text.find("logsigmoid"), std::string::npos) << screened.text;
  EXPECT_TRUE(screen("softplus(-beta * margin)").repairs.empty());
}

TEST(Funnel, WhatRemainsAfterSafeEditsIsInvalidForWhatWasWritten) {
  const Screened screened = screen("F.logsigmoid(beta * unheard_of)");
  EXPECT_EQ(screened.verdict, Verdict::Invalid);
  EXPECT_TRUE(screened.repairs.empty());
  EXPECT_EQ(screened.diagnosticIds, std::vector<std::string>{"ForeignSpelling"});
}

TEST(Funnel, TheSameFunctionIsADuplicate) {
  Funnel funnel;
  auto verdict = [&](const std::string &text) { return verdictName(funnel.screen(text).verdict); };
  EXPECT_EQ(
      verdict(
          "objective a { param beta = 0.1 in [1e-3, 10] log; loss = softplus(-beta * margin); }"),
      "accepted");
  EXPECT_EQ(verdict("objective b { param beta = 0.1 in [1e-3, 10] log; let dead = exp(margin); "
                    "loss = -logsigmoid(beta * margin); }"),
            "duplicate");
  EXPECT_EQ(
      verdict(
          "objective c { param beta = 0.7 in [1e-3, 10] log; loss = softplus(-beta * margin); }"),
      "duplicate")
      << "the scale is searched, so its default is no difference";
  EXPECT_EQ(verdict("objective d { param beta = 0.1 in [1e-3, 10] log; loss = softplus(-2 * beta * "
                    "margin); }"),
            "accepted");
}

TEST(Funnel, ProbesFindNonFiniteValuesAndGradients) {
  EXPECT_EQ(screen("exp(-10 * margin)").verdict, Verdict::NonFinite);
  EXPECT_EQ(screen("log(beta * margin)").verdict, Verdict::NonFinite);
  EXPECT_EQ(screen("softplus(-margin) / batch_std(margin)").verdict, Verdict::NonFinite)
      << "all margins equal at step 0";
}

TEST(Funnel, ProbesFindWhatNeverStarts) {
  EXPECT_EQ(screen("square(margin)").verdict, Verdict::NoGradient);
  EXPECT_EQ(screen("abs(beta * margin)").verdict, Verdict::NoGradient);
}

TEST(Funnel, LossesThatRiseWithTheMarginAreWelcome) {
  EXPECT_EQ(screen("softplus(beta * margin)").verdict, Verdict::Accepted);
}

} // namespace
} // namespace disco::search
