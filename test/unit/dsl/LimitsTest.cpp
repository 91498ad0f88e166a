// Every limit at N - 1, N and N + 1 (SPEC X1 to X12; X13 is UseTest's).
#include "test/unit/dsl/Compile.h"

#include "dsl/Limits.h"
#include "dsl/Safety.h"

#include <functional>

namespace disco::dsl {

namespace {

/// The text made for `limit - 1` and `limit` is accepted, the one for `limit + 1` refused with
/// `id`.
void expectLimit(size_t limit, const std::string &id,
                 const std::function<std::string(size_t)> &text) {
  for (size_t n : {limit - 1, limit})
    EXPECT_EQ(findings(text(n)).find(id), std::string::npos) << n;
  EXPECT_NE(findings(text(limit + 1)).find(id), std::string::npos);
}

std::string repeat(size_t count, const std::string &text) {
  std::string out;
  for (size_t i = 0; i < count; ++i)
    out += text;
  return out;
}

const std::string kLoss = "loss = softplus(-margin);";

TEST(Limits, SourceBytes) { // SPEC X1
  expectLimit(Limits::sourceBytes, "SourceTooLong", [](size_t n) {
    std::string text = objective(kLoss);
    return text + std::string(n - text.size(), ' ');
  });
}

TEST(Limits, Tokens) { // SPEC X2
  // `objective o { loss = margin ; }` are 8 tokens, `+1` are 2, and `-` is 1.
  expectLimit(Limits::tokens, "TooManyTokens", [](size_t n) {
    return objective("loss = " + std::string(n % 2 ? "-" : "") + "margin" +
                     repeat((n - 8) / 2, "+1") + ";");
  });
}

TEST(Limits, DepthOfEachShape) { // SPEC X3
  const auto nested = [](size_t n, const std::string &open, const std::string &close) {
    return objective("loss = " + repeat(n, open) + "margin" + repeat(n, close) + ";");
  };
  expectLimit(Limits::depth, "TooDeep", [&](size_t n) { return nested(n, "(", ")"); });
  expectLimit(Limits::depth, "TooDeep", [&](size_t n) { return nested(n, "exp(", ")"); });
  expectLimit(Limits::depth, "TooDeep", [&](size_t n) { return nested(n, "-", ""); });
  expectLimit(Limits::depth, "TooDeep",
              [&](size_t n) { return objective("loss = margin" + repeat(n, "^1") + ";"); });
}

TEST(Limits, FlatChainIsNotDeep) {
  EXPECT_EQ(findings(objective("loss = margin" + repeat(200, " + 1") + ";")), "");
}

TEST(Limits, Bindings) { // SPEC X4
  expectLimit(Limits::bindings, "TooManyBindings", [](size_t n) {
    std::string items;
    for (size_t i = 0; i < n; ++i)
      items += "let a" + std::to_string(i) + " = margin;\n";
    return objective(items + kLoss);
  });
}

TEST(Limits, Parameters) { // SPEC X5
  expectLimit(Limits::parameters, "TooManyParameters", [](size_t n) {
    std::string items;
    for (size_t i = 0; i < n; ++i)
      items += "param a" + std::to_string(i) + " = 1;\n";
    return objective(items + kLoss);
  });
}

TEST(Limits, Columns) { // SPEC X11
  expectLimit(Limits::columns, "TooManyColumns", [](size_t n) {
    std::string items;
    for (size_t i = 0; i < n; ++i)
      items += "column a" + std::to_string(i) + " = 1;\n";
    return objective(items + kLoss);
  });
}

TEST(Limits, States) { // SPEC X12
  expectLimit(Limits::states, "TooManyStates", [](size_t n) {
    std::string items;
    for (size_t i = 0; i < n; ++i) {
      const std::string name = "a" + std::to_string(i);
      items += "state " + name + " = 1; next " + name + " = 1;\n";
    }
    return objective(items + kLoss);
  });
}

TEST(Limits, UsesAreBindings) { // SPEC X4
  expectLimit(Limits::bindings, "TooManyBindings", [](size_t n) {
    std::string items;
    for (size_t i = 0; i < n; ++i)
      items += "use dpo as a" + std::to_string(i) + ";\n";
    return objective(items + kLoss);
  });
}

TEST(Limits, IdentifierLength) { // SPEC X6
  expectLimit(Limits::identifierLength, "NameTooLong", [](size_t n) {
    return objective("let " + std::string(n, 'a') + " = margin;" + kLoss);
  });
}

TEST(Limits, Expansions) { // SPEC X8
  // f4 makes 16 + 8 + 4 + 2 + 1 calls; the rest are calls of f0.
  expectLimit(Limits::expansions, "TooManyExpansions", [](size_t n) {
    std::string items = "fn f0(x) = x;\n";
    for (int i = 1; i <= 4; ++i)
      items += "fn f" + std::to_string(i) + "(x) = f" + std::to_string(i - 1) + "(f" +
               std::to_string(i - 1) + "(x));\n";
    return objective(items + "loss = margin" + repeat(n / 31, " + f4(margin)") +
                     repeat(n % 31, " + f0(margin)") + ";");
  });
}

TEST(Limits, Nodes) { // SPEC X9
  // Four inputs, three nodes of the margin; each term adds a number and a sum.
  expectLimit(Limits::nodes, "TooManyNodes", [](size_t n) {
    std::string loss = n % 2 == 0 ? "exp(margin)" : "margin";
    for (size_t i = 0; i < (n - 7) / 2; ++i)
      loss += " + " + std::to_string(i + 2);
    return objective("loss = " + loss + ";");
  });
}

TEST(Limits, OperationsCountForwardAndBackward) {
  // policy_chosen_logps - policy_rejected_logps: one forward, two contributions backward of two
  // each.
  EXPECT_EQ(
      countOperations(compiled(objective("loss = policy_rejected_logps - policy_chosen_logps;"))),
      1u + 4u);
  // Rewards count forward only.
  EXPECT_EQ(countOperations(compiled(objective("loss = exp(policy_rejected_logps);"
                                               "reward chosen = exp(policy_chosen_logps);"
                                               "reward rejected = 0;"))),
            1u + 2u + 1u);
}

TEST(Limits, Operations) { // SPEC X10
  // A product of two values with gradients is 1 + 4, an exponential 1 + 2, a number added 1 + 2:
  // any total can be met.
  const auto text = [](size_t n) {
    std::string items = "let v0 = policy_chosen_logps * policy_rejected_logps;\n"; // 5
    size_t total = 5, i = 0;
    std::string value = "v0";
    const auto step = [&](const std::string &expr, size_t cost) {
      value = expr;
      total += cost;
    };
    // Products make up most of it, forward-only operations in a metric the rest.
    while (n - total >= 5 && i < 198) {
      step("(" + value + " * policy_chosen_logps)", 5);
      if (++i % 20 == 0) {
        items += "let w" + std::to_string(i) + " = " + value + ";\n";
        value = "w" + std::to_string(i);
      }
    }
    std::string metric = "chosen_length";
    for (; total < n; ++total)
      metric = "exp(" + metric + ")";
    return objective(items + "loss = " + value + ";\nmetric m = " + metric +
                     ";\nreward chosen = 0;\nreward rejected = 0;");
  };
  expectLimit(Limits::operations, "TooManyOperations", text);
}

TEST(Limits, Diagnostics) { // SPEC X7
  const auto text = [](size_t n) {
    std::string loss = "margin";
    for (size_t i = 0; i < n; ++i)
      loss += " + unknown" + std::to_string(i);
    return objective("loss = " + loss + ";");
  };
  expectLimit(Limits::diagnostics, "TooManyDiagnostics", text);
}

} // namespace

} // namespace disco::dsl
