// Extents, rank order and units: what may stand beside what. SPEC T1, T4, T8 to T11, U1, U3, U4
#include "test/unit/dsl/Compile.h"

namespace disco::dsl {

namespace {

Extent extentOf(const std::string &expr) {
  const Program program = compiled(objective("loss = softplus(-margin); metric m = " + expr + ";"));
  return program.metrics.empty() ? Extent::RejectedToken
                                 : program[program.metrics[0].value].type.extent;
}

std::string lossFindings(const std::string &loss) {
  return findings(objective("param beta = 0.5; loss = beta * (" + loss + ");"));
}

TEST(Extents, ReductionsNarrow) { // SPEC T4, T8
  EXPECT_EQ(extentOf("token_sum(policy_chosen_token_logps)"), Extent::Pair);
  EXPECT_EQ(extentOf("token_mean(rejected_token_index)"), Extent::Pair);
  EXPECT_EQ(extentOf("token_count(chosen_token_kl)"), Extent::Pair);
  EXPECT_EQ(extentOf("batch_sort(margin)"), Extent::Pair);
  for (const char *name : {"batch_sum", "batch_mean", "batch_min", "batch_max", "batch_std"})
    EXPECT_EQ(extentOf(std::string(name) + "(margin)"), Extent::Batch) << name;
  EXPECT_EQ(extentOf("batch_quantile(margin, 0.5)"), Extent::Batch);
}

TEST(Extents, PairAndBatchValuesGoWithTokens) { // SPEC T1
  EXPECT_EQ(lossFindings("token_sum(policy_chosen_token_logps * margin * beta + progress)"), "");
  EXPECT_EQ(lossFindings("token_sum(where(chosen_token_index < rejected_length, "
                         "policy_chosen_token_logps, 0))"),
            "");
}

TEST(Extents, WrongReductions) {
  EXPECT_EQ(lossFindings("batch_mean(policy_chosen_token_logps)"), "WrongExtent");
  EXPECT_EQ(lossFindings("batch_sort(policy_chosen_token_logps)"), "WrongExtent");
  EXPECT_EQ(lossFindings("batch_sort(batch_mean(margin))"), "ReductionOfBatch");
  EXPECT_EQ(lossFindings("batch_min(beta)"), "ReductionOfBatch");
  for (const char *name : {"token_sum", "token_mean", "token_count"}) {
    EXPECT_EQ(lossFindings(std::string(name) + "(margin)"), "WrongExtent") << name;
    EXPECT_EQ(lossFindings(std::string(name) + "(beta)"), "WrongExtent") << name;
  }
}

TEST(Extents, SidesNeverMeet) { // SPEC T9
  for (const char *meeting :
       {"policy_chosen_token_logps + policy_rejected_token_logps",
        "policy_chosen_token_logps < policy_rejected_token_logps",
        "max(chosen_token_kl, rejected_token_kl)", "clamp(chosen_token_kl, 0, rejected_token_kl)",
        "where(chosen_token_index < 2, rejected_token_kl, 0)",
        "policy_chosen_token_logps ^ detach(rejected_token_index)"})
    EXPECT_EQ(lossFindings("token_sum(" + std::string(meeting) + ")"), "MixedSides") << meeting;
  EXPECT_EQ(findings(objective("fn f(a, b) = a * b; loss = token_sum(f(chosen_token_kl, "
                               "rejected_token_kl));")),
            "MixedSides");
  EXPECT_EQ(lossFindings("token_sum(chosen_token_kl) - token_sum(rejected_token_kl)"), "");
}

TEST(Extents, ResultsArePairOrBatch) { // SPEC T10
  EXPECT_EQ(findings(objective("loss = policy_chosen_token_logps;")), "WrongExtent");
  EXPECT_EQ(findings(objective("loss = margin; metric m = chosen_token_index;")), "WrongExtent");
  EXPECT_EQ(findings(objective("loss = margin; reward chosen = chosen_token_index; "
                               "reward rejected = 0;")),
            "WrongExtent");
}

TEST(Extents, TokensReadTheReference) {
  EXPECT_TRUE(compiled(objective("loss = token_sum(chosen_token_kl);")).lossNeedsReference());
  EXPECT_FALSE(
      compiled(objective("loss = -token_sum(policy_chosen_token_logps);")).lossNeedsReference());
}

TEST(Extents, LevelIsAConstant) { // SPEC T11
  EXPECT_EQ(lossFindings("batch_quantile(margin, beta / 2)"), "");
  EXPECT_EQ(lossFindings("batch_quantile(margin, batch_size)"), "NotConstant");
  EXPECT_EQ(lossFindings("batch_quantile(margin, margin)"), "NotConstant");
  EXPECT_EQ(lossFindings("batch_quantile(margin, 1.25)"), "ConstantOutOfRange");
  EXPECT_EQ(lossFindings("batch_quantile(margin, -0.25)"), "ConstantOutOfRange");
}

TEST(Order, SortedMeetsUnsorted) { // SPEC U3
  for (const char *mixed :
       {"batch_sort(margin) - margin", "max(chosen_ratio, batch_sort(margin))",
        "relu(1 - batch_sort(margin)) * exp(-margin)", "where(margin < 0, batch_sort(margin), 0)"})
    EXPECT_EQ(lossFindings(mixed), "MixedOrder") << mixed;
  for (const char *alike :
       {"batch_sort(chosen_ratio) - batch_sort(rejected_ratio)",
        "batch_sort(margin) * beta - batch_mean(margin)", "softplus(batch_sort(margin)) + 1",
        "batch_mean(batch_sort(margin)) * margin"})
    EXPECT_EQ(lossFindings(alike), "") << alike;
}

TEST(Order, AMixtureIsReportedOnce) {
  EXPECT_EQ(lossFindings("batch_sort(margin) + margin + chosen_ratio + batch_sort(chosen_ratio)"),
            "MixedOrder");
}

TEST(Units, OfSumsMeansAndCounts) { // SPEC U1
  for (const char *mixed :
       {"policy_chosen_logps - chosen_length", "margin + batch_size",
        "policy_chosen_logps / chosen_length - policy_rejected_logps", "min(margin, chosen_length)",
        "where(margin < 0, chosen_ratio, chosen_length)",
        "where(chosen_length < margin, margin, 0)", "0.5 * margin + chosen_length / 2",
        "-margin + detach(chosen_length)",
        "token_sum(policy_chosen_token_logps - policy_chosen_logps)",
        "token_mean(policy_chosen_token_logps) - policy_rejected_logps",
        "token_sum(policy_chosen_token_logps) + token_mean(policy_chosen_token_logps)",
        "margin + token_count(chosen_token_kl)"})
    EXPECT_EQ(lossFindings(mixed), "MixedUnits") << mixed;
  for (const char *alike :
       {"policy_chosen_logps / chosen_length * chosen_length - policy_rejected_logps",
        "token_sum(policy_chosen_token_logps) - policy_rejected_logps",
        "token_mean(policy_chosen_token_logps) - policy_rejected_logps / rejected_length",
        "token_sum(where(chosen_token_index < rejected_length, policy_chosen_token_logps, 0))",
        "margin + beta * chosen_length", "margin + chosen_length * chosen_length",
        "margin + chosen_length / rejected_length", "margin - 1", "margin + exp(chosen_length)",
        "margin + batch_mean(chosen_length)", "square(margin) + chosen_length"})
    EXPECT_EQ(lossFindings(alike), "") << alike;
}

TEST(Units, EndAtFunctionsOfTheAuthor) {
  EXPECT_EQ(findings(objective("fn f(x) = 2 * x; loss = f(margin) + chosen_length;")),
            "MixedUnits");
  EXPECT_EQ(findings(objective("fn f(x, y) = x + y; loss = f(margin, chosen_length);")),
            "MixedUnits");
}

TEST(Needs, OfReportsAlone) { // SPEC U4
  const auto needs = [](const std::string &metric) {
    return findings(objective("column weight = 1; loss = policy_rejected_logps - "
                              "policy_chosen_logps; metric m = " +
                              metric + ";"));
  };
  for (const char *more : {"margin", "chosen_length", "token_sum(policy_chosen_token_logps)",
                           "token_sum(chosen_token_kl)"})
    EXPECT_EQ(needs(more), "UnusedName ReportOnlyNeed") << more;
  EXPECT_EQ(needs("weight"), "ReportOnlyNeed");
  EXPECT_EQ(needs("policy_chosen_logps * batch_size"), "UnusedName");
}

TEST(Aliases, MeanIsOfTheExtentOfItsArgument) {
  const auto repaired = [](const std::string &loss) {
    const Source source("a.dpo", objective("loss = " + loss + ";"));
    Diagnostics found;
    compileSource(source, found);
    return applySafeEdits(source, found.sorted()).value_or("");
  };
  EXPECT_EQ(repaired("mean(margin)"), objective("loss = batch_mean(margin);"));
  EXPECT_EQ(repaired("mean(policy_chosen_token_logps)"),
            objective("loss = token_mean(policy_chosen_token_logps);"));
  EXPECT_EQ(repaired("sum(policy_chosen_token_logps)"),
            objective("loss = token_sum(policy_chosen_token_logps);"));
}

} // namespace

} // namespace disco::dsl
