// The grammar needs no more than SLL prediction: ANTLR's fallback to full context, which can be
// exponential, never starts, and no phrase is ambiguous (row P4 of the threat model).
#include "test/unit/dsl/Compile.h"

#include "grammars/ObjectiveLexer.h"
#include "grammars/ObjectiveParser.h"

#include <antlr4-runtime.h>

namespace disco::dsl {

namespace {

class Watcher : public antlr4::BaseErrorListener {
public:
  void reportAmbiguity(antlr4::Parser *, const antlr4::dfa::DFA &, size_t, size_t, bool,
                       const antlrcpp::BitSet &, antlr4::atn::ATNConfigSet *) override {
    ++ambiguous;
  }
  void reportAttemptingFullContext(antlr4::Parser *, const antlr4::dfa::DFA &, size_t, size_t,
                                   const antlrcpp::BitSet &, antlr4::atn::ATNConfigSet *) override {
    ++fullContext;
  }
  size_t ambiguous = 0, fullContext = 0;
};

void expectSll(const std::string &text) {
  antlr4::ANTLRInputStream input(text);
  grammar::ObjectiveLexer lexer(&input);
  antlr4::CommonTokenStream tokens(&lexer);
  grammar::ObjectiveParser parser(&tokens);
  lexer.removeErrorListeners();
  parser.removeErrorListeners();
  Watcher watcher;
  parser.addErrorListener(&watcher);
  parser.getInterpreter<antlr4::atn::ParserATNSimulator>()->setPredictionMode(
      antlr4::atn::PredictionMode::LL_EXACT_AMBIG_DETECTION);
  parser.file();
  EXPECT_EQ(parser.getNumberOfSyntaxErrors(), 0u) << text;
  EXPECT_EQ(watcher.ambiguous, 0u) << text;
  EXPECT_EQ(watcher.fullContext, 0u) << text;
}

TEST(Hostile, P4_shipped_objectives_need_no_full_context) {
  for (const auto &path : shippedObjectives()) {
    const Result<Source> source = readSource(path);
    ASSERT_TRUE(source);
    expectSll((*source).text());
  }
}

TEST(Hostile, P4_nor_does_an_operator_next_to_any_other) {
  const std::vector<std::string> operators = {"^", "*", "/", "+", "-", "<", "==", "and", "or"};
  for (const std::string &a : operators)
    for (const std::string &b : operators)
      for (const char *prefix : {"", "-", "not "})
        expectSll(objective("loss = " + std::string(prefix) + "x " + a + " " + prefix + "y " + b +
                            " f(z, (x));"));
}

TEST(Hostile, P4_nor_does_an_item_next_to_any_other) { // SPEC G4
  for (const char *item : {"param a = 1;", "param a = -1 in [0, 1) log;", "column a;",
                           "column a = -1;", "state a = b;", "next a = b;", "use a;", "use a();",
                           "use a as b;", "use a(x = 1) as b;", "use a(x = 1, y = 2 * z);",
                           "fn f(x, y) = x;", "let a = b;", "metric a = b;", "reward chosen = b;"})
    for (const char *other : {"use b;", "let c = d;", "column e;", "loss = f;"})
      expectSll(objective(std::string(item) + other));
}

} // namespace

} // namespace disco::dsl
