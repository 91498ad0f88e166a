// The spellings that neighbouring languages teach people and models, row by row: what is said,
// where, and the edit. A safe edit is made and the result must be what was meant; anything else is
// never made.
#include "test/unit/dsl/Compile.h"

#include "dsl/Repair.h"

namespace disco::dsl {

namespace {

/// Items of an objective and what they become.
struct Row {
  std::string written;
  std::string id;
  std::string repaired; // empty: nothing is done by itself
};

std::string without(std::string text, char mark) {
  const size_t at = text.find(mark);
  return at == text.npos ? text : text.erase(at, 1);
}

/// `@` marks the place of the first finding.
void expectRow(const Row &row) {
  const std::string text = objective(without(row.written, '@'));
  const size_t place = objective(row.written).find('@');
  const Source source("test.dpo", text);
  Diagnostics found;
  compileSource(source, found);
  ASSERT_FALSE(found.empty()) << text;
  const std::vector<Diagnostic> sorted = found.sorted();
  EXPECT_EQ(diagnosticId(sorted[0].kind), row.id) << renderDiagnostics(source, sorted);
  EXPECT_EQ(sorted[0].span.begin, place) << renderDiagnostics(source, sorted);
  const Repair result = repair(source);
  if (row.repaired.empty()) {
    EXPECT_EQ(result.text, text);
    return;
  }
  EXPECT_EQ(result.text, objective(row.repaired));
  EXPECT_EQ(findings(result.text), "") << result.text;
}

void expectRows(const std::vector<Row> &rows) {
  for (const Row &row : rows) {
    SCOPED_TRACE(row.written);
    expectRow(row);
  }
}

TEST(Teaching, FunctionsOfOtherLibraries) {
  expectRows({
      {"loss = -@log_sigmoid(margin);", "UndeclaredFunction", "loss = -logsigmoid(margin);"},
      {"loss = -@F.logsigmoid(margin);", "ForeignSpelling", "loss = -logsigmoid(margin);"},
      {"loss = -@torch.nn.functional.logsigmoid(margin);", "ForeignSpelling",
       "loss = -logsigmoid(margin);"},
      {"loss = @torch.where(margin < 0, -margin, 0);", "ForeignSpelling",
       "loss = where(margin < 0, -margin, 0);"},
      {"loss = @clip(-margin, 0, 9);", "UndeclaredFunction", "loss = clamp(-margin, 0, 9);"},
      {"loss = @torch.unheard_of(margin);", "ForeignSpelling", ""},
  });
}

TEST(Teaching, OperatorsCommentsAndNumbers) {
  expectRows({
      {"loss = margin @** 2 - margin;", "ForeignSpelling", "loss = margin ^ 2 - margin;"},
      {"loss = margin@**2 - margin;", "ForeignSpelling", "loss = margin^2 - margin;"},
      {"loss = where(margin < 0 @&& margin > -1, -margin, 0);", "ForeignSpelling",
       "loss = where(margin < 0 and margin > -1, -margin, 0);"},
      {"loss = where(margin < 0@||margin > 1, -margin, 0);", "ForeignSpelling",
       "loss = where(margin < 0 or margin > 1, -margin, 0);"},
      {"loss = where(@!(margin < 0), 0, -margin);", "ForeignSpelling",
       "loss = where(not (margin < 0), 0, -margin);"},
      {"@# don't & won't: \xc3\xa9 `x`\nloss = -margin;", "ForeignSpelling",
       "// don't & won't: \xc3\xa9 `x`\nloss = -margin;"},
      {"loss = softplus(-@.5 * margin);", "MalformedNumber", "loss = softplus(-0.5 * margin);"},
      {"loss = softplus(-@2. * margin);", "MalformedNumber", "loss = softplus(-2.0 * margin);"},
      {"loss = @0x10 * margin;", "MalformedNumber", ""},
  });
}

TEST(Teaching, ItemsWithoutTheirPunctuation) {
  expectRows({
      {"let a = margin@\nloss = -a;", "MissingSemicolon", "let a = margin;\nloss = -a;"},
      {"loss = -margin@", "MissingSemicolon", "loss = -margin;"},
      {"loss @-margin;", "UnexpectedToken", "loss = -margin;"},
      {"@return -margin;", "ForeignSpelling", "loss = -margin;"},
      {"let a = margin@\nreturn -a", "MissingSemicolon", "let a = margin;\nloss = -a;"},
  });
}

TEST(Teaching, NamesOfOtherLibraries) {
  expectRows({
      {"loss = -margin / @chosen_len;", "UndeclaredName", "loss = -margin / chosen_length;"},
      {"loss = @ref_chosen_logps - policy_chosen_logps;", "UndeclaredName",
       "loss = reference_chosen_logps - policy_chosen_logps;"},
      {"loss = @rejected_logps;", "UndeclaredName", "loss = policy_rejected_logps;"},
      {"loss = -@marginn;", "UndeclaredName", ""}, // near, but near is no proof
      {"loss = -@sigmod(margin);", "UndeclaredFunction", ""},
  });
}

TEST(Teaching, ReductionsByExtent) {
  expectRows({
      {"loss = @mean(margin) - margin^2;", "UndeclaredFunction",
       "loss = batch_mean(margin) - margin^2;"},
      {"loss = -@mean(policy_chosen_token_logps);", "UndeclaredFunction",
       "loss = -token_mean(policy_chosen_token_logps);"},
      {"loss = @margin.mean() - margin^2;", "ForeignSpelling",
       "loss = batch_mean(margin) - margin^2;"},
      {"loss = -@policy_chosen_token_logps.mean();", "ForeignSpelling",
       "loss = -token_mean(policy_chosen_token_logps);"},
      {"let t = 2 * policy_chosen_token_logps;\nlet s = token_sum(t);\n"
       "loss = -@t.sum() - s.mean();",
       "ForeignSpelling",
       "let t = 2 * policy_chosen_token_logps;\nlet s = token_sum(t);\n"
       "loss = -token_sum(t) - batch_mean(s);"},
      {"loss = -@torch.mean(2 * policy_chosen_token_logps);", "ForeignSpelling",
       "loss = -token_mean(2 * policy_chosen_token_logps);"},
      {"loss = @margin.detach() - margin;", "ForeignSpelling", "loss = detach(margin) - margin;"},
      {"loss = @(margin - 1).detach() - margin;", "ForeignSpelling",
       "loss = detach(margin - 1) - margin;"},
      {"loss = @exp(margin).mean().detach() - margin;", "ForeignSpelling",
       "loss = detach(batch_mean(exp(margin))) - margin;"},
      {"loss = @margin.max() - margin;", "ForeignSpelling", "loss = batch_max(margin) - margin;"},
      {"loss = -@margin.mean(0);", "ForeignSpelling", ""},
      {"loss = -@margin.cumsum();", "ForeignSpelling", ""},
      {"fn f(x) = @mean(x);\nloss = -f(margin);", "UndeclaredFunction", ""}, // of what extent?
  });
}

TEST(Teaching, TruthValuesAsNumbers) {
  expectRows({
      {"loss = 0.5 * @(margin < 0) * margin;", "KindMismatch",
       "loss = 0.5 * where(margin < 0, 1, 0) * margin;"},
      {"let c = margin < 0;\nloss = @c * -margin;", "KindMismatch",
       "let c = margin < 0;\nloss = where(c, 1, 0) * -margin;"},
      {"loss = 0.5 * @(margin < 0).float() * margin;", "ForeignSpelling",
       "loss = 0.5 * where(margin < 0, 1, 0) * margin;"},
  });
}

TEST(Teaching, WhatHasSeveralMeaningsIsNeverDone) {
  expectRows({
      {"loss = clamp(-margin, @min=0);", "ForeignSpelling", ""},
      {"loss = softplus(-@beta * margin);", "UndeclaredName", ""},
      {"let q = margin;\n@q = q + 1;\nloss = -q;", "ForeignSpelling", ""},
      {"let q = margin;\n@q += 1;\nloss = -q;", "ForeignSpelling", ""},
      {"@q = margin;\nloss = -q;", "UnexpectedToken", ""},
      {"loss = margin < 0 @? 1 : -margin;", "ForeignSpelling", ""},
      {"loss = where(@0 < margin < 1, -margin, 0);", "ChainedComparison", ""},
      {"@def f(x): return x\nloss = -f(margin);", "ForeignSpelling", ""},
      {"loss = margin @if margin < 0 else 0;", "ForeignSpelling", ""},
      {"loss = @pow(margin, 2);", "UndeclaredFunction", ""},
      {"loss = margin @& 1;", "ForeignSpelling", ""},
  });
}

TEST(Teaching, UnstableFormsAreNamedWithTheStableOne) {
  for (const auto &[written, stable] : std::vector<std::pair<std::string, std::string>>{
           {"-log(sigmoid(margin))", "logsigmoid(margin)"},
           {"log(1 + exp(-margin))", "softplus(-margin)"},
           {"log(exp(-margin) + 1)", "softplus(-margin)"},
           {"log1p(exp(-margin))", "softplus(-margin)"},
           {"-log(1 - sigmoid(-margin))", "(-softplus(-margin))"},
           {"log(1 - exp(-abs(margin)))", "log1mexp(-abs(margin))"}}) {
    const Source source("test.dpo", objective("loss = " + written + ";"));
    Diagnostics found;
    EXPECT_TRUE(compileSource(source, found)) << written;
    const std::vector<Diagnostic> sorted = found.sorted();
    ASSERT_EQ(sorted.size(), 1u) << written;
    EXPECT_EQ(sorted[0].kind, DiagnosticKind::UnstableForm) << written;
    ASSERT_EQ(sorted[0].edits.size(), 1u) << written;
    EXPECT_EQ(sorted[0].edits[0].replacement, stable);
    EXPECT_FALSE(sorted[0].edits[0].safe) << "it changes bits";
    EXPECT_EQ(repair(source).text, source.text());
  }
}

TEST(Teaching, PythonIsAnswered) {
  EXPECT_EQ(findings("import torch\nimport torch.nn.functional as F\n"),
            "ForeignSpelling ForeignSpelling");
  EXPECT_NE(findings("def loss(x):\n  return -F.logsigmoid(x)\n"), "");
  EXPECT_NE(findings("__import__('os').system('true')"), "");
}

} // namespace

} // namespace disco::dsl
