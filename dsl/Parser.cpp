// Runs ANTLR, which has no limits of its own, recurses as deep as its input is nested, and throws
// standard exceptions and C strings; so parsing happens here behind
//   - a check of the bytes (Encoding.h), a cap on tokens, and a guard that counts the depth of
//   every rule as it is entered,
//   - a thread with a stack of known size,
//   - a strategy that gives up at the first error instead of searching for a way on (the search is
//   quadratic),
//   - one wall that lets no exception through.
// Only a text that failed is looked at again, item by item, to say what is wrong with each. Reading
// the tree of one that parsed is AstBuilder's.
#include "dsl/Parser.h"

#include "dsl/AstBuilder.h"
#include "dsl/Encoding.h"
#include "dsl/Limits.h"
#include "dsl/Syntax.h"
#include "dsl/support/StackThread.h"

#include "grammars/ObjectiveLexer.h"
#include "grammars/ObjectiveParser.h"

#include <antlr4-runtime.h>

#include <functional>

namespace disco::dsl {

namespace {

using antlr4::ParserRuleContext;
using antlr4::tree::TerminalNode;
using grammar::ObjectiveLexer;
using grammar::ObjectiveParser;

/// Deep enough for Limits::depth many levels of every rule (about 1 KiB each) and for the longest
/// flat chain (Limits::tokens / 2 terms) when its tree is read.
constexpr size_t kStackBytes = 8 * 1024 * 1024;

/// file, objective, item and the outermost expr are entered before anything is nested.
constexpr size_t kOuterRules = 4;

/// Thrown at the first error and caught in attempt(); never leaves this file.
struct GiveUp {
  size_t token = 0;
  bool tooDeep = false;
  Expected expected;
};

/// SPEC X3. ANTLR leaves and enters a rule for every left operand it wraps, so that `a + b + c`
/// counts as flat.
class DepthGuard final : public antlr4::tree::ParseTreeListener {
public:
  void reset(size_t outer) { depth_ = outer; }
  void enterEveryRule(ParserRuleContext *context) override {
    if (++depth_ > kOuterRules + Limits::depth)
      throw GiveUp{context->start->getTokenIndex(), true, {}};
  }
  void exitEveryRule(ParserRuleContext *) override { --depth_; }
  void visitTerminal(TerminalNode *) override {}
  void visitErrorNode(antlr4::tree::ErrorNode *) override {}

private:
  size_t depth_ = 0;
};

Expected expectedAt(antlr4::Parser &parser) {
  Expected result;
  const antlr4::misc::IntervalSet set = parser.getExpectedTokens();
  const antlr4::dfa::Vocabulary &vocabulary = parser.getVocabulary();
  result.expression = set.contains(size_t(ObjectiveParser::NUMBER)) &&
                      set.contains(size_t(ObjectiveParser::OPEN_PAREN));
  result.item = set.contains(size_t(ObjectiveParser::LET));
  for (ssize_t type : set.toList()) {
    const bool startsExpression = type == ObjectiveParser::NUMBER ||
                                  type == ObjectiveParser::NAME ||
                                  type == ObjectiveParser::OPEN_PAREN ||
                                  type == ObjectiveParser::MINUS || type == ObjectiveParser::NOT;
    const bool startsItem = type >= ObjectiveParser::PARAM && type <= ObjectiveParser::USE;
    if ((result.expression && startsExpression) || (result.item && startsItem))
      continue;
    std::string literal = vocabulary.getLiteralName(size_t(type));
    if (literal.size() > 2)
      result.texts.push_back("`" + literal.substr(1, literal.size() - 2) + "`");
    else if (type == ObjectiveParser::NAME)
      result.texts.push_back("a name");
    else if (type == ObjectiveParser::NUMBER)
      result.texts.push_back("a number");
    else
      result.texts.push_back("the end of the text");
  }
  return result;
}

class FirstErrorStrategy final : public antlr4::DefaultErrorStrategy {
public:
  void recover(antlr4::Parser *parser, std::exception_ptr error) override {
    try {
      std::rethrow_exception(error);
    } catch (antlr4::RecognitionException &e) {
      throw GiveUp{e.getOffendingToken()->getTokenIndex(), false, expectedAt(*parser)};
    }
  }
  antlr4::Token *recoverInline(antlr4::Parser *parser) override {
    throw GiveUp{parser->getCurrentToken()->getTokenIndex(), false, expectedAt(*parser)};
  }
  void sync(antlr4::Parser *) override {}
  void reportError(antlr4::Parser *, const antlr4::RecognitionException &) override {}
};

Span spanOf(const antlr4::Token &token) {
  return {uint32_t(token.getStartIndex()), uint32_t(token.getStopIndex() + 1)};
}

/// ANTLR's objects, made once and used for every text: warm tables are most of what makes parsing
/// fast.
class Machine {
public:
  Machine() : lexer_(&input_), tokens_(&lexer_), parser_(&tokens_) {
    lexer_.removeErrorListeners();
    parser_.removeErrorListeners();
    parser_.setErrorHandler(std::make_shared<FirstErrorStrategy>());
    parser_.addParseListener(&guard_);
    parser_.getInterpreter<antlr4::atn::ParserATNSimulator>()->setPredictionMode(
        antlr4::atn::PredictionMode::SLL);
  }

  std::vector<Token> tokenize(const std::string &ascii) {
    read(ascii);
    return plainTokens();
  }

  std::optional<Ast> parse(const Source &source, const std::string &ascii,
                           Diagnostics &diagnostics) {
    read(ascii);
    if (tokens_.size() - 1 > Limits::tokens) { // the last is the end; SPEC X2
      diagnostics.report(DiagnosticKind::TooManyTokens, spanOf(*tokens_.get(Limits::tokens)),
                         "the text has " + std::to_string(tokens_.size() - 1) +
                             " tokens, the limit is " + std::to_string(Limits::tokens));
      return std::nullopt;
    }
    std::optional<Ast> result;
    if (attempt(0, 0, [&] { result = buildAst(*parser_.file(), source, diagnostics); }))
      return result;
    explain(source, diagnostics);
    return std::nullopt;
  }

private:
  void read(const std::string &ascii) {
    input_.load(ascii);
    lexer_.setInputStream(&input_);
    tokens_.setTokenSource(&lexer_);
    tokens_.fill();
  }

  /// Parses from a token on; the error if it failed. `outer` counts rules that a whole parse would
  /// have entered before.
  template <typename Rule> bool attempt(size_t token, size_t outer, Rule rule) {
    parser_.setTokenStream(&tokens_);
    tokens_.seek(token);
    guard_.reset(outer);
    try {
      rule();
      return true;
    } catch (GiveUp &error) {
      error_ = std::move(error);
      return false;
    }
  }

  std::vector<Token> plainTokens() {
    std::vector<Token> plain;
    for (antlr4::Token *token : tokens_.getTokens()) {
      TokenKind kind = TokenKind::Symbol;
      switch (const size_t type = token->getType()) {
      case ObjectiveParser::NAME:
        kind = TokenKind::Name;
        break;
      case ObjectiveParser::NUMBER:
        kind = TokenKind::Number;
        break;
      case ObjectiveParser::BAD_NUMBER:
        kind = TokenKind::BadNumber;
        break;
      case ObjectiveParser::ERR:
        kind = TokenKind::Unknown;
        break;
      case antlr4::Token::EOF:
        kind = TokenKind::End;
        break;
      default:
        if (type >= ObjectiveParser::OBJECTIVE && type <= ObjectiveParser::USE)
          kind = TokenKind::Keyword;
      }
      plain.push_back({kind, spanOf(*token)});
    }
    plain.back().span = {plain.back().span.begin, plain.back().span.begin};
    return plain;
  }

  size_t typeAt(size_t token) { return tokens_.get(token)->getType(); }
  bool startsItem(size_t token) {
    return typeAt(token) >= ObjectiveParser::PARAM && typeAt(token) <= ObjectiveParser::USE;
  }

  /// Where to go on after an error in an item: after its `;`, or at what closes or opens something.
  size_t resume(size_t token) {
    for (;; ++token) {
      if (typeAt(token) == antlr4::Token::EOF || typeAt(token) == ObjectiveParser::CLOSE_BRACE ||
          startsItem(token))
        return token;
      if (typeAt(token) == ObjectiveParser::SEMICOLON)
        return token + 1;
    }
  }

  /// Says what is wrong with a text that does not parse. Every round moves on by a token at least
  /// and gives up at the first error of its item, so the time is linear.
  void explain(const Source &source, Diagnostics &diagnostics) {
    const std::vector<Token> plain = plainTokens();
    if (checkSpellings(source, plain, diagnostics))
      return;
    const auto report = [&] {
      if (error_.tooDeep)
        diagnostics.report(DiagnosticKind::TooDeep, plain[error_.token].span,
                           "nested more than " + std::to_string(Limits::depth) + " levels deep");
      else
        explainUnexpected(source, plain, error_.token, error_.expected, diagnostics);
    };
    if (!attempt(0, 1, [&] { parser_.header(); }))
      return report();
    size_t at = tokens_.index();
    while (typeAt(at) != antlr4::Token::EOF && typeAt(at) != ObjectiveParser::CLOSE_BRACE) {
      if (attempt(at, 2, [&] { parser_.item(); })) {
        at = tokens_.index();
        continue;
      }
      report();
      at = resume(std::max(error_.token, at + 1));
    }
    const bool closed = typeAt(at) == ObjectiveParser::CLOSE_BRACE;
    if (closed)
      ++at;
    if (closed ? typeAt(at) != antlr4::Token::EOF && typeAt(at) != ObjectiveParser::OBJECTIVE
               : !diagnostics.hasErrors())
      explainUnexpected(source, plain, at, {.texts = {closed ? "the end of the text" : "`}`"}},
                        diagnostics);
    // A second objective with an error of its own.
    if (!diagnostics.hasErrors())
      diagnostics.report(DiagnosticKind::SecondObjective, plain[at].span,
                         "a file holds one objective");
  }

  antlr4::ANTLRInputStream input_;
  ObjectiveLexer lexer_;
  antlr4::CommonTokenStream tokens_;
  ObjectiveParser parser_;
  DepthGuard guard_;
  GiveUp error_;
};

/// Calls with the machine, on its thread. What went wrong, or nothing.
std::string onMachine(const std::function<void(Machine &)> &call) {
  static StackThread thread(kStackBytes);
  std::string failure;
  const bool ran = thread.run([&] {
    // The machine is used on this thread alone, one call at a time.
    static std::unique_ptr<Machine> machine;
    try {
      if (!machine)
        machine = std::make_unique<Machine>();
      return call(*machine);
    } catch (const std::exception &error) {
      failure = error.what();
    } catch (const char *message) {
      failure = message;
    } catch (...) {
      failure = "unknown exception";
    }
    machine.reset(); // whatever state it was left in
  });
  return ran ? failure : "the system gives no thread to parse on";
}

} // namespace

std::optional<Ast> parse(const Source &source, Diagnostics &diagnostics) {
  const std::optional<std::string> ascii = checkEncoding(source, diagnostics);
  if (!ascii)
    return std::nullopt;
  std::optional<Ast> result;
  const std::string failure =
      onMachine([&](Machine &machine) { result = machine.parse(source, *ascii, diagnostics); });
  if (!failure.empty()) {
    diagnostics.report(DiagnosticKind::UnexpectedToken, {0, 0}, "cannot parse: " + failure);
    return std::nullopt;
  }
  return result;
}

std::vector<Token> tokenize(const Source &source) {
  Diagnostics ignored;
  const std::optional<std::string> ascii = checkEncoding(source, ignored);
  std::vector<Token> tokens;
  if (ascii)
    onMachine([&](Machine &machine) { tokens = machine.tokenize(*ascii); });
  return tokens;
}

} // namespace disco::dsl
