// Columns, states and constant expressions: what a Program keeps of them.
#include "test/unit/dsl/Compile.h"

#include "dsl/Constants.h"

#include <cmath>

namespace disco::dsl {

namespace {

TEST(Columns, AreInputsWithoutGradient) { // SPEC I8
  const Program program =
      compiled(objective("column weight = 1; column gap; loss = weight * softplus(gap - margin);"));
  ASSERT_EQ(program.columns.size(), 2u);
  EXPECT_EQ(program.columns[0].name, "weight");
  EXPECT_EQ(program.columns[0].defaultValue, 1.0);
  EXPECT_EQ(program.columns[1].defaultValue, std::nullopt);
  EXPECT_EQ(findings(objective("column weight; loss = weight;")), "DeadLoss");
}

TEST(Columns, UnreadOnesAreNotAskedFor) {
  const Program program =
      compiled(objective("column unread; column weight; loss = weight * softplus(-margin);"));
  ASSERT_EQ(program.columns.size(), 1u);
  EXPECT_EQ(program.columns[0].name, "weight");
  EXPECT_EQ(findings(objective("column unread; loss = softplus(-margin);")), "UnusedName");
}

TEST(Columns, ShareTheSpaceOfNames) { // SPEC I1
  EXPECT_EQ(findings(objective("column a; let a = 1; loss = a * margin;")), "DuplicateName");
  EXPECT_EQ(findings(objective("column batch_size; loss = margin;")), "ReservedName");
  EXPECT_EQ(findings(objective("column margin; loss = softplus(margin - chosen_ratio);")), "");
}

TEST(States, KeepFirstValueAndNext) { // SPEC I9, I10
  const Program program = compiled(objective("param a = 2; state q = a - 0.5; next q = q + "
                                             "batch_mean(margin); loss = softplus(q - margin);"));
  ASSERT_EQ(program.states.size(), 1u);
  EXPECT_EQ(program.states[0].name, "q");
  EXPECT_EQ(initialStates(program, std::vector<double>{2}), std::vector<double>{1.5});
  EXPECT_EQ(initialStates(program, std::vector<double>{3}), std::vector<double>{2.5});
  EXPECT_EQ(program[program.states[0].next].op, Op::Add);
}

TEST(States, AreReadWithoutGradient) {
  EXPECT_EQ(findings(objective("state q = 0; next q = batch_mean(margin); loss = q;")), "DeadLoss");
}

TEST(States, OnesThatNothingReadsAreDropped) {
  const Program program = compiled(objective(
      "state a = 0; state b = 0; state c = 0;"
      "next a = b; next b = batch_mean(margin); next c = c + 1;" // a needs b, nothing needs c
      "loss = softplus(a - margin);"));
  ASSERT_EQ(program.states.size(), 2u);
  EXPECT_EQ(program.states[0].name, "a");
  EXPECT_EQ(program.states[1].name, "b");
}

TEST(States, NextNeedsWhatItReads) {
  EXPECT_TRUE(compiled(objective("state q = 0; next q = batch_mean(reference_chosen_logps);"
                                 "loss = softplus(q - policy_chosen_logps);"))
                  .lossNeedsReference());
}

TEST(States, UnreadOnesAreWarnedAbout) { // SPEC U5
  EXPECT_EQ(findings(objective("state q = 0; next q = q + 1; loss = softplus(-margin);")),
            "UnusedName");
  EXPECT_EQ(
      findings(objective("state q = 0; next q = q + 1; loss = softplus(-margin); metric m = q;")),
      "");
}

TEST(States, NextIsAnItemOfItsOwn) {
  EXPECT_EQ(findings(objective("state q = 0; loss = softplus(q - margin); next q = 1;")), "");
  EXPECT_EQ(findings(objective("param q = 0; next q = 1; loss = softplus(q - margin);")),
            "UndeclaredName");
  EXPECT_EQ(findings(objective("state q = 0; next q = margin < 0; loss = softplus(q - margin);")),
            "KindMismatch");
  EXPECT_EQ(findings(objective("state q = 0; next q = batch_mean(margin) < 0; loss = q - margin;")),
            "KindMismatch");
}

TEST(Constants, OfNumbersAndParametersAlone) { // SPEC T12
  for (const char *constant :
       {"1", "-b", "b^2 + log1p(b)", "where(b < 1 and not b == 0, b, 1)", "max(b, 0)", "c"})
    EXPECT_EQ(
        findings(objective("param b = 0.5; let c = 2 * b; state q = " + std::string(constant) +
                           "; next q = c; loss = softplus(b + q - margin);")),
        "")
        << constant;
  for (const char *other : {"batch_size", "progress", "p", "batch_mean(margin)"})
    EXPECT_EQ(findings(objective("state p = 0; next p = 0; state q = " + std::string(other) +
                                 "; next q = p; loss = softplus(q - margin);")),
              "NotConstant")
        << other;
  EXPECT_EQ(findings(objective("state q = margin; next q = 0; loss = softplus(q - margin);")),
            "WrongExtent");
}

TEST(Constants, AreEvaluatedInDouble) {
  const Program program = compiled(objective(
      "param a = 3; param b = 0.25;"
      "state q = where(a <= 3 and (not (b != 0.25) or a == 0), exp(b) / a, 0); next q = q;"
      "state r = where(a < b or b <= 0, 1, max(a, b) - square(b)); next r = r;"
      "loss = softplus(q * r - margin);"));
  const std::vector<double> values = initialStates(program, program.defaultParameters());
  EXPECT_DOUBLE_EQ(values[0], std::exp(0.25) / 3);
  EXPECT_DOUBLE_EQ(values[1], 3 - 0.0625);
}

TEST(Constants, RangesAreCheckedWhenParametersAreSet) { // SPEC T11, T12
  const Program program =
      compiled(objective("param level = 0.5; param scale = 1;"
                         "state q = log(scale); next q = batch_quantile(margin, level / 2);"
                         "loss = softplus(q - margin);"));
  EXPECT_TRUE(bindParameters(program, {{"level", "2"}}));
  EXPECT_EQ(bindParameters(program, {{"level", "2.5"}}).error().message,
            "with these parameters the level of `batch_quantile` is 1.25, outside [0, 1]");
  EXPECT_EQ(bindParameters(program, {{"scale", "0"}}).error().message,
            "with these parameters the first value of `q` is -inf, "
            "which float32 does not hold as a number");
}

} // namespace

} // namespace disco::dsl
