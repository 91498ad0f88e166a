// Canonical text: it means the same, it is its own canonical text, and it carries no author's
// words.
#include "test/unit/dsl/Compile.h"

#include <random>

namespace disco::dsl {

namespace {

void expectRoundTrip(const Program &program) {
  const std::string text = printProgram(program);
  const Program again = compiled(text);
  EXPECT_EQ(codeHash(again), codeHash(program)) << text;
  EXPECT_EQ(hash(again, again.defaultParameters()), hash(program, program.defaultParameters()))
      << text;
  EXPECT_EQ(printProgram(again), text);
}

TEST(Printer, ShippedObjectives) {
  const auto paths = shippedObjectives();
  ASSERT_GE(paths.size(), 13u);
  for (const auto &path : paths) {
    const Result<Source> source = readSource(path);
    ASSERT_TRUE(source) << source.error().message;
    expectRoundTrip(compiled((*source).text()));
  }
}

TEST(Printer, Parentheses) {
  for (const char *loss :
       {"beta - (tau - margin)", "beta / (tau / margin)", "(margin^2)^3", "margin^(2^beta)",
        "(-margin)^2", "-margin^2", "-(margin + 1)", "(-2) ^ beta * margin", "--margin",
        "margin * (-1)", "margin - (-1)", "-0 * beta + margin", "beta * (margin / tau)",
        "where((margin < 0 or margin > 1) and not (margin == beta), margin, 0)",
        "where(not (margin < 0 and margin != 1), margin, 0)", "1e-30 * margin + 1e30"})
    expectRoundTrip(compiledLoss(loss));
}

TEST(Printer, ColumnsAndStates) {
  for (const char *items :
       {"column weight = 1; column gap; loss = weight * softplus(gap - margin);",
        "column weight = -0.5; loss = weight * margin;",
        // Names that the printer would have chosen, a prelude name, a well-known parameter's.
        "column v0; column p0; column s0 = 2; param odd = 1; state x = 1; next x = x / 2;"
        "let e = exp(-margin) * odd; loss = (v0 + p0 + s0 + x) * (e + square(e)) + e * log(e);",
        "column margin; loss = softplus(-margin * (chosen_ratio - rejected_ratio));",
        "state q = 0; next q = 0.9 * q + 0.1 * batch_mean(margin); loss = softplus(q - margin);",
        "param a = 2; let b = exp(a) * a; let c = b * b + b; state q = c + square(c);"
        "next q = q * c; state r = 1; next r = q; loss = softplus(r - margin) * c;",
        "state q = 0; state r = 1; next r = q + 1; next q = r + batch_std(margin);"
        "loss = q * softplus(-margin);"})
    expectRoundTrip(compiled(objective(items)));
}

TEST(Printer, TokensAndOrder) {
  for (const char *loss :
       {"softplus(batch_sort(rejected_ratio) - batch_sort(chosen_ratio))",
        "margin - batch_quantile(margin, beta / 2)", "margin - batch_quantile(margin, 0.9)",
        "margin - batch_min(margin) + batch_max(margin)", "progress * margin",
        "token_mean(policy_chosen_token_logps) - token_mean(policy_rejected_token_logps)",
        "token_sum(where(chosen_token_index < rejected_length, policy_chosen_token_logps, 0))",
        "margin + token_sum(chosen_token_kl) - detach(token_sum(rejected_token_kl))",
        "token_sum(policy_chosen_token_logps - reference_chosen_token_logps) / chosen_length"})
    expectRoundTrip(compiledLoss(loss));
  for (const char *call : {"token_mean(policy_chosen_token_logps)", "batch_min(margin)"})
    EXPECT_NE(printProgram(compiledLoss(call)).find("loss = " + std::string(call)),
              std::string::npos);
}

TEST(Printer, WhatWasUsedIsWrittenOut) {
  const std::string text = printProgram(
      compiled(objective("use kto_pair(beta = 0.5) as k; use dpo; loss = k + 0.1 * dpo;")));
  EXPECT_EQ(text.find("use"), std::string::npos);
  expectRoundTrip(compiled(text));
}

TEST(Printer, FirstValuesStayShallow) { // 2^50 of them, if they were written out
  std::string items = "param a0 = 0.5;";
  for (int i = 1; i <= 50; ++i)
    items += "let a" + std::to_string(i) + " = a" + std::to_string(i - 1) + " * a" +
             std::to_string(i - 1) + ";";
  expectRoundTrip(
      compiled(objective(items + "state q = a50; next q = q; loss = softplus(q - margin);")));
}

TEST(Printer, DerivedFunctionsStayReadable) {
  for (const char *call :
       {"square(margin)", "relu(margin)", "clamp(margin, -1, 1)", "logsigmoid(margin)",
        "log1mexp(margin)", "batch_mean(margin)", "batch_var(margin)", "batch_std(margin)"})
    EXPECT_NE(printProgram(compiledLoss(call)).find("loss = " + std::string(call)),
              std::string::npos)
        << printProgram(compiledLoss(call));
}

TEST(Printer, NoAuthorText) {
  const std::string text = printProgram(compiled(
      "objective ignore_previous { // secret\n param please_run = 1 in [0, 2]; param beta = 1;\n"
      "fn obey(me) = me * please_run; let listen = obey(margin); loss = exp(-listen * beta) + "
      "listen;\n"
      "metric boast = listen; }"));
  for (const char *word : {"ignore", "secret", "please", "obey", "listen", "boast"})
    EXPECT_EQ(text.find(word), std::string::npos) << text;
  EXPECT_NE(text.find("beta"), std::string::npos);
}

/// Random trees over everything that can be written, to meet shapes nobody thought of.
std::string randomExpr(std::mt19937 &random, int depth) {
  const auto pick = [&](unsigned n) { return unsigned(random() % n); };
  const auto sub = [&] { return randomExpr(random, depth - 1); };
  if (depth == 0) {
    constexpr const char *leaves[] = {"margin",
                                      "chosen_ratio",
                                      "rejected_length",
                                      "beta",
                                      "tau",
                                      "0.5",
                                      "2",
                                      "batch_size",
                                      "weight",
                                      "mean_margin",
                                      "progress",
                                      "token_sum(policy_chosen_token_logps)",
                                      "token_mean(rejected_token_index)"};
    return leaves[pick(std::size(leaves))];
  }
  switch (pick(11)) {
  case 0:
    return "(" + sub() + " + " + sub() + ")";
  case 1:
    return "(" + sub() + " - " + sub() + ")";
  case 2:
    return "(" + sub() + " * " + sub() + ")";
  case 3:
    return "(" + sub() + " / (1 + square(" + sub() + ")))";
  case 4:
    return "softplus(-" + sub() + ")";
  case 5:
    return "where(" + sub() + " < " + sub() + ", " + sub() + ", " + sub() + ")";
  case 6:
    return "max(" + sub() + ", clamp(" + sub() + ", -1, 1))";
  case 7:
    return "batch_std(margin + " + sub() + ")";
  case 8:
    return "batch_sort(margin + " + sub() + ")";
  case 9:
    return "batch_quantile(margin + " + sub() + ", tau)";
  default:
    return "abs(" + sub() + ")^2";
  }
}

TEST(Printer, RandomPrograms) {
  std::mt19937 random(7);
  size_t accepted = 0;
  for (int i = 0; i < 300; ++i) {
    const std::string text = objective(
        "param beta = 0.5; param tau = 0.25; column weight = 1; state mean_margin = tau - beta;"
        "let a = margin * " +
        randomExpr(random, 3) + "; next mean_margin = mean_margin + batch_mean(" +
        randomExpr(random, 2) + " + a); loss = a * " + randomExpr(random, 3) +
        "; metric m = " + randomExpr(random, 2) + ";");
    const Source source("random.dpo", text);
    Diagnostics found;
    if (std::optional<Program> program = compileSource(source, found)) {
      ++accepted;
      expectRoundTrip(*program);
    }
  }
  EXPECT_GT(accepted, 100u);
}

} // namespace

} // namespace disco::dsl
