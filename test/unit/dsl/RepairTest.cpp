// Safe edits, applied until none is left.
#include "test/unit/dsl/Compile.h"

#include "dsl/Repair.h"

namespace disco::dsl {

namespace {

Repair repaired(const std::string &text) { return repair(Source("test.dpo", text)); }

TEST(Repair, RoundAfterRound) {
  const Repair result = repaired(objective("let a = torch.mean(margin) ** 2\nreturn 0.5 * "
                                           "(ref_chosen_logps > a) * log_sigmoid(margin)"));
  EXPECT_EQ(findings(result.text), "");
  EXPECT_EQ(result.text,
            objective("let a = batch_mean(margin) ^ 2;\nloss = 0.5 * where(reference_chosen_logps "
                      "> a, 1, 0) * logsigmoid(margin);"));
}

TEST(Repair, AFixpoint) {
  for (const std::string &text :
       {objective("loss = softplus(-margin);"), objective("loss = marginn;"),
        std::string("import os"), objective("loss = a && b"), std::string()}) {
    const std::string once = repaired(text).text;
    EXPECT_EQ(repaired(once).text, once);
    EXPECT_TRUE(repaired(once).edits.empty());
  }
}

TEST(Repair, SuggestionsAreLeftAlone) {
  const std::string text = objective("loss = softplus(-beta * marginn);");
  EXPECT_EQ(repaired(text).text, text);
}

TEST(Repair, EveryEditIsNamed) {
  const Repair result = repaired(objective("loss = softplus(-margin) ** .5"));
  ASSERT_EQ(result.edits.size(), 3u);
  EXPECT_EQ(result.edits[0].before, "**");
  EXPECT_EQ(result.edits[0].after, "^");
  EXPECT_EQ(result.edits[0].place.line, 2u);
  EXPECT_EQ(result.edits[0].place.column, 26u);
  EXPECT_EQ(result.edits[2].kind, DiagnosticKind::MissingSemicolon);
}

} // namespace

} // namespace disco::dsl
