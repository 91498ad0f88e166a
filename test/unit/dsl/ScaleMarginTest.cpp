// Giving an objective a temperature: where the margin is found and where there is none.
#include "test/unit/dsl/Compile.h"

namespace disco::dsl {

namespace {

std::string scaled(const std::string &items) {
  const std::optional<Program> program = scaleMargin(compiled(objective(items)));
  return program ? codeHash(*program) : "none";
}
std::string plain(const std::string &items) { return codeHash(compiled(objective(items))); }

const std::string kRewards = "reward chosen = chosen_ratio; reward rejected = rejected_ratio;";

TEST(ScaleMargin, MultipliesTheMargin) {
  EXPECT_EQ(scaled("loss = softplus(-margin) + square(margin);"),
            plain("param margin_scale = 1; let m = margin_scale * margin;"
                  "loss = softplus(-m) + square(m);" +
                  kRewards));
}

TEST(ScaleMargin, RecognisesTheMarginHoweverWritten) {
  EXPECT_EQ(scaled("let m = (policy_chosen_logps - policy_rejected_logps) -"
                   "(reference_chosen_logps - reference_rejected_logps); loss = exp(-m);"),
            plain("param margin_scale = 1;"
                  "let m = (policy_chosen_logps - policy_rejected_logps) -"
                  "(reference_chosen_logps - reference_rejected_logps);"
                  "loss = exp(-(margin_scale * m));" +
                  kRewards));
}

TEST(ScaleMargin, ReferenceFree) {
  EXPECT_EQ(scaled("loss = exp(policy_rejected_logps - policy_chosen_logps);"), "none");
  EXPECT_EQ(scaled("loss = exp(-(policy_chosen_logps - policy_rejected_logps));"),
            plain("param margin_scale = 1;"
                  "loss = exp(-(margin_scale * (policy_chosen_logps - policy_rejected_logps)));"));
}

TEST(ScaleMargin, ThePolicyDifferenceIsNoMarginWhereAReferenceIsRead) {
  EXPECT_EQ(
      scaled("loss = exp(policy_rejected_logps - policy_chosen_logps + reference_chosen_logps);"),
      "none");
}

TEST(ScaleMargin, AddsOneParameter) {
  const std::optional<Program> program =
      scaleMargin(compiled(objective("param tau = 2; loss = exp(-margin / tau);")));
  ASSERT_TRUE(program);
  ASSERT_EQ(program->parameters.size(), 2u);
  const Parameter &scale = program->parameters[1];
  EXPECT_EQ(scale.name, "margin_scale");
  EXPECT_EQ(scale.rangeText(), "[1e-06, 1e+06]");
  EXPECT_TRUE(scale.logScale);
  EXPECT_EQ(scale.defaultValue, 1);
}

TEST(ScaleMargin, AMetricIsNotTheLoss) {
  EXPECT_EQ(scaled("loss = exp(-chosen_ratio); metric m = margin;"), "none");
}

} // namespace

} // namespace disco::dsl
