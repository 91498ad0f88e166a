// Texts made to break types, limits and arithmetic, by the rows of the threat model (T1 to T9).
#include "test/unit/dsl/Texts.h"
#include "test/unit/dsl/Work.h"

#include "dsl/Limits.h"
#include "dsl/Safety.h"
#include "dsl/support/Number.h"

#include <bit>
#include <cmath>
#include <limits>

namespace disco::dsl {

namespace {

std::string lossOf(const std::string &expression) {
  return objective("param beta = 0.5 in (0, 4]; param q = 0.25 in [0, 1]; loss = " + expression +
                   ";");
}

bool refusedFor(const std::string &text, const std::vector<std::string> &ids) {
  const std::string found = " " + findings(text) + " ";
  return std::any_of(ids.begin(), ids.end(), [&](const std::string &id) {
    return found.find(" " + id + " ") != std::string::npos;
  });
}

TEST(Hostile, T1_extents_are_not_confused) { // SPEC T4, T8, T9
  const std::vector<std::string> batch = {"1",
                                          "beta",
                                          "batch_size",
                                          "progress",
                                          "batch_mean(margin)",
                                          "batch_std(margin)",
                                          "beta * batch_size",
                                          "exp(beta)",
                                          "-beta",
                                          "min(beta, 1)",
                                          "where(beta < 1, 1, 2)",
                                          "batch_sum(margin) / batch_size"};
  const std::vector<std::string> pair = {"margin", "chosen_length", "exp(margin)",
                                         "margin * batch_size",
                                         "token_sum(policy_chosen_token_logps)"};
  const std::vector<std::string> chosen = {"policy_chosen_token_logps", "chosen_token_index",
                                           "exp(reference_chosen_token_logps)",
                                           "margin * policy_chosen_token_logps"};
  const std::vector<std::string> rejected = {"policy_rejected_token_logps", "rejected_token_index",
                                             "beta * reference_rejected_token_logps"};
  std::vector<std::string> refused;
  for (const char *reduction : {"batch_sum", "batch_mean", "batch_var", "batch_std", "batch_min",
                                "batch_max", "batch_sort"}) {
    for (const std::vector<std::string> &operands : {batch, chosen, rejected})
      for (const std::string &operand : operands)
        refused.push_back(std::string(reduction) + "(" + operand + ")");
  }
  for (const std::string &operand : batch)
    refused.push_back("batch_quantile(" + operand + ", q)");
  for (const char *reduction : {"token_sum", "token_mean", "token_count"})
    for (const std::vector<std::string> &operands : {batch, pair})
      for (const std::string &operand : operands)
        refused.push_back(std::string(reduction) + "(" + operand + ")");
  for (const std::string &left : chosen)
    for (const std::string &right : rejected)
      for (const char *infix : {" + ", " - ", " * "})
        refused.push_back("token_sum(" + left + infix + right + ")");
  ASSERT_GE(refused.size(), 150u);
  for (const std::string &expression : refused) {
    const std::string text = lossOf("softplus(-margin) + " + expression);
    EXPECT_TRUE(refusedFor(text, {"ReductionOfBatch", "WrongExtent", "MixedSides"})) << text;
  }
  // A loss per token has no mean over pairs.
  for (const std::string &expression : chosen)
    EXPECT_TRUE(refusedFor(lossOf(expression), {"WrongExtent"})) << expression;
}

TEST(Hostile, T2_a_tree_of_2_to_the_40_is_a_graph_of_40) { // SPEC T7
  const auto text = [](size_t count) {
    std::string items = "let a0 = margin;\n";
    for (size_t i = 1; i <= count; ++i)
      items += "let a" + std::to_string(i) + " = a" + std::to_string(i - 1) + " * a" +
               std::to_string(i - 1) + ";\n";
    return objective(items + "loss = a" + std::to_string(count) + ";");
  };
  const auto work = [&](size_t count) {
    return allocationsOf([&] {
      const Program program = compiled(text(count));
      EXPECT_LE(program.nodes.size(), 12 + count);
      EXPECT_LE(printProgram(program).size(), 40 * (count + 10));
      hash(program, program.defaultParameters());
      codeHash(program);
    });
  };
  work(40);
  EXPECT_LE(work(40), 2.5 * double(work(20)) + 1000);
}

TEST(Hostile, T3_constants_fold_in_range) { // SPEC T6
  for (const char *expression :
       {"2^2^2^2^2", "exp(exp(exp(9)))", "exp(89)", "1e38 * 10", "1 / 0", "0 / 0", "log(0)",
        "log(-1)", "sqrt(-1)", "10^39", "(-8)^0.5", "0^-1", "1e30^2", "exp(88) * 5", "log1mexp(0)",
        "-1 / 0", "softplus(1e38 * 9)", "exp(-200)", "1e-30 * 1e-30"})
    EXPECT_EQ(findings(lossOf("softplus(-margin) + " + std::string(expression))),
              "UnusedName UnusedName NonFiniteConstant")
        << expression;
  for (const char *expression : {"2^2^2", "exp(88)", "exp(-87)", "1e-18 * 1e-19", "0^0", "log1p(0)",
                                 "max(1, 2)", "where(1 < 2, 3, 1)"})
    EXPECT_EQ(findings(lossOf("softplus(-margin) + " + std::string(expression))),
              "UnusedName UnusedName")
        << expression;
}

TEST(Hostile, T4_the_gradient_costs_at_most_five_times_the_loss) { // SPEC X10
  std::mt19937_64 random(11);
  size_t measured = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Source source("test.dpo", objective("loss = margin + " + randomExpression(random, 5) +
                                              ";\nreward chosen = 0; reward rejected = 0;"));
    Diagnostics found;
    const std::optional<Program> program = compileSource(source, found);
    if (!program)
      continue;
    const size_t forward =
        size_t(std::count_if(program->nodes.begin(), program->nodes.end(),
                             [](const Node &node) { return opArity(node.op) > 0; }));
    EXPECT_LE(countOperations(*program), 5 * forward) << source.text();
    ++measured;
  }
  EXPECT_GE(measured, 10'000u);
  // Nested products, whose derivative as a formula has 2^n terms.
  std::string product = "margin";
  for (int i = 0; i < 40; ++i)
    product = "(" + product + " * (margin + " + std::to_string(i + 2) + "))";
  EXPECT_LE(countOperations(compiled(lossOf(product))), 5 * 90u);
}

/// The bits of a metric of one pair whose chosen log-ratio is x.
uint64_t metricBits(const Program &program, double x) {
  const std::vector<double> chosen{x}, zero{0};
  Batch batch;
  batch.pairs = 1;
  for (auto &column : batch.columns)
    column = zero;
  batch.columns[size_t(Input::policy_chosen_logps)] = chosen;
  Evaluation out;
  Interpreter(program).evaluate(batch, program.defaultParameters(), out);
  return std::isnan(out.metrics[0]) ? ~uint64_t{0} : std::bit_cast<uint64_t>(out.metrics[0]);
}

TEST(Hostile, T5_nothing_is_simplified_that_infinities_and_signed_zeros_tell_apart) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  using Function = double (*)(double);
  const std::vector<std::pair<std::string, Function>> rows = {
      {"x - x", [](double x) { return x - x; }},
      {"x / x", [](double x) { return x / x; }},
      {"0 * x", [](double x) { return 0 * x; }},
      {"x * 0 + 1", [](double x) { return x * 0 + 1; }},
      {"x + 0", [](double x) { return x + 0; }},
      {"x - 0", [](double x) { return x - 0; }},
      {"-(-x)", [](double x) { return -(-x); }},
      {"0 - x", [](double x) { return 0 - x; }},
      {"x * 1", [](double x) { return x * 1; }},
      {"1 / (1 / x)", [](double x) { return 1 / (1 / x); }},
      {"(x + 1e300) - 1e300", [](double x) { return (x + 1e300) - 1e300; }},
      {"log(exp(x))", [](double x) { return std::log(std::exp(x)); }},
      {"x - x + x", [](double x) { return x - x + x; }},
      {"where(x == x, 1, 0)", [](double x) { return x == x ? 1.0 : 0.0; }},
      {"where(x < 0, 1, 0) + where(x >= 0, 1, 0)",
       [](double x) { return (x < 0 ? 1.0 : 0.0) + (x >= 0 ? 1.0 : 0.0); }}};
  for (const auto &[written, function] : rows) {
    std::string items = "let x = policy_chosen_logps;\nloss = softplus(-policy_chosen_logps);\n"
                        "metric m = " +
                        written + ";";
    if (items.find("1e300") != items.npos) // not a number of the language
      items.replace(items.find("1e300"), 5, "1e30"), items.replace(items.find("1e300"), 5, "1e30");
    const Program program = compiled(objective(items));
    const Program reread = compiled(printProgram(program));
    for (const double x : {inf, -inf, nan, 0.0, -0.0, 1.0, -2.5, 1e308, 5e-324}) {
      double wanted = function(x);
      if (written.find("1e300") != written.npos)
        wanted = (x + 1e30) - 1e30;
      // A metric is a mean over pairs, which begins at +0.
      wanted = (0.0 + wanted) / 1;
      const uint64_t bits = std::isnan(wanted) ? ~uint64_t{0} : std::bit_cast<uint64_t>(wanted);
      EXPECT_EQ(metricBits(program, x), bits) << written << " at " << x;
      EXPECT_EQ(metricBits(reread, x), bits) << "printed, " << written << " at " << x;
    }
  }
}

TEST(Hostile, T6_losses_that_teach_nothing) { // SPEC D2
  for (const char *expression : {"0 * margin",
                                 "margin - margin",
                                 "detach(margin)",
                                 "sign(margin)",
                                 "1",
                                 "beta",
                                 "batch_size",
                                 "progress",
                                 "chosen_length",
                                 "reference_chosen_logps",
                                 "where(margin < 0, 1, 2)",
                                 "margin^0",
                                 "softplus(detach(margin))",
                                 "batch_mean(detach(margin))",
                                 "token_sum(reference_chosen_token_logps)",
                                 "sign(margin) * batch_size",
                                 "margin * 0 + chosen_length",
                                 "batch_sort(reference_chosen_logps)",
                                 "exp(0 * margin)",
                                 "where(beta < 1, detach(margin), 1)"})
    EXPECT_TRUE(refusedFor(lossOf(expression), {"DeadLoss"})) << expression;
  for (const char *expression :
       {"margin", "margin - detach(margin)", "batch_mean(margin)", "1e-9 * margin",
        "token_sum(policy_chosen_token_logps)", "batch_max(margin)"})
    EXPECT_FALSE(refusedFor(lossOf(expression), {"DeadLoss"})) << expression;
}

TEST(Hostile, T7_what_is_not_the_policy_gets_no_gradient) { // SPEC D1
  std::string sum = "margin";
  for (size_t i = 0; i < kInputCount; ++i)
    if (inputExtent(Input(i)) == Extent::Pair || inputExtent(Input(i)) == Extent::Batch)
      sum += " * " + std::string(inputName(Input(i)));
  const Program program =
      compiled(objective("column weight = 1; state mean = 0; next mean = batch_mean(margin);\n"
                         "loss = " +
                         sum + " * weight * mean;"));
  for (const Node &node : program.nodes) {
    if (node.op == Op::Input) {
      EXPECT_EQ(node.hasGradient, inputHasGradient(Input(node.index)))
          << inputName(Input(node.index));
    }
    if (node.op == Op::Column || node.op == Op::State || node.op == Op::Parameter) {
      EXPECT_FALSE(node.hasGradient);
    }
  }
  const std::vector<double> two{-2, -3}, ones{1, 2};
  Batch batch;
  batch.pairs = 2;
  for (size_t i = 0; i < kInputCount; ++i)
    if (inputExtent(Input(i)) == Extent::Pair)
      batch.columns[i] = inputName(Input(i)).find("length") != std::string_view::npos ? ones : two;
  Evaluation out;
  Interpreter(program).evaluate(batch, program.defaultParameters(), out);
  for (size_t i = 0; i < kInputCount; ++i)
    EXPECT_EQ(out.gradients[i].empty(),
              !inputHasGradient(Input(i)) || inputExtent(Input(i)) != Extent::Pair)
        << inputName(Input(i));
}

TEST(Hostile, T8_costs_are_counted_exactly_and_without_overflow) { // SPEC X8, X9, X10
  // 2^63 calls, which a counter that is looked at afterwards would never see.
  std::string items = "fn f0(x) = x;\n";
  for (int i = 1; i < 63; ++i)
    items += "fn f" + std::to_string(i) + "(x) = f" + std::to_string(i - 1) + "(f" +
             std::to_string(i - 1) + "(x));\n";
  const size_t work = allocationsOf([&] {
    EXPECT_TRUE(refusedFor(objective(items + "loss = f62(margin);"), {"TooManyExpansions"}));
  });
  EXPECT_LE(work, 200'000u);
  // Each `where` has one operation forward and two for each arm; no graph within the limit of nodes
  // reaches what a counter holds.
  for (const size_t count : {1, 2, 20}) {
    std::string value = "policy_chosen_logps";
    for (size_t i = 0; i < count; ++i)
      value = "where(chosen_length < " + std::to_string(i + 1) + ", " + value +
              ", policy_rejected_logps)";
    const Program program =
        compiled(objective("loss = " + value + ";\nreward chosen = 0; reward rejected = 0;"));
    EXPECT_EQ(countOperations(program), count * (1 + 1 + 4)) << count; // a comparison beside each
  }
}

TEST(Hostile, T9_what_is_judged_dead_is_dead) { // SPEC D2
  std::mt19937_64 random(13);
  std::uniform_real_distribution<double> uniform(-30, 30);
  size_t dead = 0, points = 0;
  for (int round = 0; round < 4'000; ++round) {
    // Mostly dead: the live inputs are detached or multiplied by 0.
    std::string expression = randomExpression(random, 3);
    if (round % 2)
      expression = "detach(" + expression + ") * " + randomExpression(random, 1);
    const Source source("test.dpo", objective("loss = " + expression + ";\nmetric live = 0;"));
    Diagnostics found;
    const bool accepted = compileSource(source, found).has_value();
    const std::vector<Diagnostic> sorted = found.sorted();
    const bool judged = !accepted && std::any_of(sorted.begin(), sorted.end(), [](const auto &d) {
      return d.kind == DiagnosticKind::DeadLoss;
    });
    if (!judged)
      continue;
    ++dead;
    // The same loss with a live term whose gradient is known: what is left must be exactly that.
    const Program program =
        compiled(objective("loss = policy_chosen_logps + (" + expression + ");\nmetric live = 0;"));
    Interpreter interpreter(program);
    Evaluation out;
    for (int sample = 0; sample < 25; ++sample, ++points) {
      std::array<std::vector<double>, 6> columns;
      Batch batch;
      batch.pairs = 3;
      for (size_t i = 0; i < columns.size(); ++i) {
        for (size_t row = 0; row < batch.pairs; ++row)
          columns[i].push_back(i < 4 ? uniform(random)
                                     : 1 + std::floor(std::fabs(uniform(random))));
        batch.columns[i] = columns[i];
      }
      interpreter.evaluate(batch, program.defaultParameters(), out);
      for (size_t row = 0; row < batch.pairs; ++row) {
        if (!std::isfinite(out.losses[row]))
          continue; // where the loss is no number, neither is its slope
        EXPECT_EQ(out.gradients[0][row], 1.0 / 3) << source.text();
        EXPECT_EQ(out.gradients[1].empty() ? 0 : out.gradients[1][row], 0) << source.text();
      }
    }
  }
  EXPECT_GE(dead, 100u);
  EXPECT_GE(points, 2'500u);
}

} // namespace

} // namespace disco::dsl
