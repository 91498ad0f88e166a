// What an objective means: names, types, defaults. Rejections have their files in test/diagnostics.
#include "test/unit/dsl/Compile.h"

#include "dsl/Builtins.h"

namespace disco::dsl {

namespace {

const Node &loss(const Program &program) { return program[program.loss]; }

TEST(Checker, OperandsPrecedeUsersAndNodesAreDistinct) { // SPEC T7
  const Program program = compiledLoss("softplus(-beta * margin) + softplus(-beta * margin) * tau");
  for (NodeId id = 0; id < program.nodes.size(); ++id) {
    for (unsigned i = 0; i < opArity(program[id].op); ++i)
      EXPECT_LT(program[id].operands[i], id);
    for (NodeId other = 0; other < id; ++other)
      EXPECT_FALSE(program[id].op == program[other].op &&
                   program[id].operands == program[other].operands &&
                   program[id].index == program[other].index &&
                   program[id].constant == program[other].constant);
  }
}

TEST(Checker, Precedence) { // SPEC G2
  const auto same = [](const char *a, const char *b) {
    EXPECT_EQ(codeHash(compiledLoss(a)), codeHash(compiledLoss(b))) << a;
  };
  same("-margin^2", "-(margin^2)");
  same("margin^2^3", "margin^8");
  same("margin^-2", "margin^(-2)");
  same("beta - tau - margin", "(beta - tau) - margin");
  same("beta / tau * margin", "(beta / tau) * margin");
  same("where(not margin < 0 and margin < 1 or margin > 2, margin, 0)",
       "where(((not (margin < 0)) and (margin < 1)) or (margin > 2), margin, 0)");
  same("where(margin > beta, margin, 0)", "where(beta < margin, margin, 0)");
  same("2 * -margin", "2 * (-margin)");
}

TEST(Checker, ExtentsBroadcastUpward) { // SPEC T1
  EXPECT_EQ(loss(compiledLoss("margin * batch_mean(margin)")).type.extent, Extent::Pair);
  EXPECT_EQ(loss(compiledLoss("batch_mean(margin) * beta")).type.extent, Extent::Batch);
}

TEST(Checker, FunctionsWorkAtAnyExtent) {
  const Program program =
      compiled(objective("fn f(x) = softplus(-x); loss = f(margin) + f(batch_mean(margin));"));
  EXPECT_EQ(loss(program).type.extent, Extent::Pair);
}

TEST(Checker, ArgumentsAreLocal) { // SPEC I7
  EXPECT_EQ(codeHash(compiled(objective("let a = 2 * margin; fn f(a) = exp(a); loss = f(-a);"))),
            codeHash(compiled(objective("loss = exp(-(2 * margin));"))));
}

TEST(Checker, FunctionsSeeWhatIsAboveThemOnly) {
  EXPECT_EQ(findings(objective("fn f(x) = x * late; let late = 2; loss = f(margin);")),
            "UndeclaredName UnusedName");
}

TEST(Checker, OnlyKeywordsAreReserved) { // SPEC L4
  EXPECT_EQ(findings(objective("let log = margin; loss = log;")), "ReservedName NotAFunction");
  EXPECT_EQ(findings(objective("let chosen = margin; let rejected = chosen; loss = rejected;")),
            "");
  EXPECT_EQ(findings(objective("let lambda = margin; let double = lambda; loss = double;")), "");
  for (const char *keyword : {"objective", "param", "let", "fn", "loss", "reward", "metric",
                              "column", "state", "next", "use", "in", "as", "and", "or", "not"})
    EXPECT_NE(findings(objective("let " + std::string(keyword) + " = margin; loss = margin;")), "")
        << keyword;
}

TEST(Checker, PreludeMayBeRedefined) { // SPEC I3
  const Program program = compiled(objective("let margin = 2 * margin; loss = softplus(-margin);"));
  EXPECT_EQ(codeHash(program), codeHash(compiled(objective("loss = softplus(-(2 * margin));"))));
}

TEST(Checker, DefaultRewardsUseThePreludeAndBeta) {
  const Program plain = compiled(objective("loss = softplus(-margin);"));
  EXPECT_EQ(codeHash(plain),
            codeHash(compiled(objective("loss = softplus(-margin); reward chosen = chosen_ratio;"
                                        "reward rejected = rejected_ratio;"))));
  const Program beta = compiled(objective(
      "param beta = 0.1; let chosen_ratio = 7 * chosen_ratio; loss = softplus(-margin);"));
  EXPECT_EQ(codeHash(beta),
            codeHash(compiled(objective("param beta = 0.1; loss = softplus(-margin);"
                                        "reward chosen = beta * chosen_ratio;"
                                        "reward rejected = beta * rejected_ratio;"))));
  const Program free =
      compiled(objective("loss = softplus(policy_rejected_logps - policy_chosen_logps);"));
  EXPECT_FALSE(free.lossNeedsReference());
  EXPECT_EQ(free[free.chosenReward].op, Op::Input);
  EXPECT_EQ(Input(free[free.rejectedReward].index), Input::policy_rejected_logps);
}

TEST(Checker, ReferenceInputsHaveNoGradient) { // SPEC D1
  EXPECT_EQ(findings(objective("loss = reference_chosen_logps;")), "DeadLoss");
  EXPECT_FALSE(loss(compiledLoss("margin * detach(margin)")).operands[1] == kNoNode);
}

TEST(Checker, DeadLosses) {
  for (const char *dead : {"detach(margin)", "0 * margin", "margin * (1 - 1)", "margin - margin",
                           "sign(margin)", "where(margin < 0, 1, 2)", "margin^0", "0 / margin",
                           "margin - (margin + 1)", "5", "batch_mean(chosen_length)"})
    EXPECT_EQ(findings(objective("loss = " + std::string(dead) + ";")), "DeadLoss") << dead;
  for (const char *alive : {"margin", "abs(margin)", "margin * margin", "margin + margin",
                            "relu(margin)", "2 * margin - margin", "batch_std(margin)"})
    EXPECT_EQ(findings(objective("loss = " + std::string(alive) + ";")), "") << alive;
}

TEST(Checker, LiteralsFoldInDouble) { // SPEC T6
  EXPECT_EQ(codeHash(compiledLoss("margin * (exp(0) + sqrt(9) / 2)")),
            codeHash(compiledLoss("margin * 2.5")));
  EXPECT_EQ(findings(objective("loss = margin * 2^2^2^2^2;")), "NonFiniteConstant");
  EXPECT_EQ(findings(objective("loss = margin * log(0);")), "NonFiniteConstant");
  EXPECT_EQ(findings(objective("loss = margin * exp(-100);")), "NonFiniteConstant"); // subnormal
  EXPECT_EQ(findings(objective("loss = margin * log1mexp(0);")), "NonFiniteConstant");
  EXPECT_EQ(findings(objective("loss = margin * (0 * (1 / 0));")), "NonFiniteConstant");
}

TEST(Checker, NothingIsSimplified) {
  // x - x is not 0 for an infinite x, so the operations stay (SPEC N8).
  EXPECT_EQ(loss(compiledLoss("margin + 0")).op, Op::Add);
  EXPECT_EQ(loss(compiledLoss("1 * margin")).op, Op::Mul);
}

TEST(Checker, DoublingExpressionsAreShared) {
  std::string items = "let a0 = margin * margin;\n";
  for (int i = 1; i <= 40; ++i)
    items += "let a" + std::to_string(i) + " = a" + std::to_string(i - 1) + " * a" +
             std::to_string(i - 1) + ";\n";
  const Program program = compiled(objective(items + "loss = a40;"));
  EXPECT_LT(program.nodes.size(), 60u);
  EXPECT_EQ(codeHash(compiled(printProgram(program))), codeHash(program));
}

/// A call of the builtin on margins, on tokens where it takes them.
std::string callOf(const Builtin &builtin) {
  std::string arguments = builtin.name == "where"              ? "margin < 0"
                          : builtin.name.starts_with("token_") ? "policy_chosen_token_logps"
                                                               : "margin";
  for (unsigned i = 1; i < builtin.arity; ++i)
    arguments += builtin.name == "batch_quantile" ? ", 0.5" : ", -0.5 * margin";
  return std::string(builtin.name) + "(" + arguments + ")";
}

TEST(Checker, EveryBuiltinIsCallable) {
  for (const Builtin &builtin : allBuiltins())
    EXPECT_EQ(findings(objective("loss = batch_mean(margin) * " + callOf(builtin) + ";")), "")
        << builtin.name;
}

TEST(Checker, UnusedNodesAreDropped) {
  const Program program = compiled(objective("let a = exp(margin); loss = softplus(-margin);"));
  for (const Node &node : program.nodes)
    EXPECT_NE(node.op, Op::Exp);
}

TEST(Checker, FunctionErrorsAreReportedOnce) {
  EXPECT_EQ(findings(objective("fn f(x) = x + unknown; loss = f(margin) + f(2 * margin);")),
            "UndeclaredName");
}

} // namespace

} // namespace disco::dsl
