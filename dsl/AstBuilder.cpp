#include "dsl/AstBuilder.h"

#include "dsl/Limits.h"
#include "dsl/support/Number.h"

#include <antlr4-runtime.h>

#include <charconv>

namespace disco::dsl {

namespace {

using antlr4::ParserRuleContext;
using antlr4::tree::ParseTree;
using antlr4::tree::TerminalNode;
using grammar::ObjectiveParser;

TerminalNode *terminal(ParseTree *node) { return dynamic_cast<TerminalNode *>(node); }

class AstBuilder {
public:
  AstBuilder(const Source &source, Diagnostics &diagnostics)
      : source_(source), diagnostics_(diagnostics) {}

  std::optional<Ast> build(ObjectiveParser::FileContext &file) {
    bool first = true;
    for (ParseTree *child : file.children) {
      auto *objective = dynamic_cast<ObjectiveParser::ObjectiveContext *>(child);
      if (!objective)
        continue;
      const Name name = nameOf(*objective->children[0]->children[1]);
      if (!first) { // SPEC G1
        diagnostics_
            .report(DiagnosticKind::SecondObjective, name.span, "a file holds one objective")
            .notes.push_back({ast_.name.span, "the first one"});
        continue;
      }
      first = false;
      ast_.name = name;
      for (ParseTree *part : objective->children)
        if (auto *item = dynamic_cast<ObjectiveParser::ItemContext *>(part))
          buildItem(*item);
    }
    if (diagnostics_.hasErrors())
      return std::nullopt;
    return std::move(ast_);
  }

private:
  Span spanOf(ParserRuleContext &context) const {
    return {uint32_t(context.start->getStartIndex()), uint32_t(context.stop->getStopIndex() + 1)};
  }
  Span spanOf(ParseTree &node) const {
    const antlr4::Token &token = *terminal(&node)->getSymbol();
    return {uint32_t(token.getStartIndex()), uint32_t(token.getStopIndex() + 1)};
  }
  size_t typeOf(ParseTree &node) const { return terminal(&node)->getSymbol()->getType(); }

  Name nameOf(ParseTree &node) {
    const Span span = spanOf(node);
    if (span.end - span.begin > Limits::identifierLength) // SPEC X6
      diagnostics_.report(DiagnosticKind::NameTooLong, span,
                          "the name has " + std::to_string(span.end - span.begin) +
                              " characters, the limit is " +
                              std::to_string(Limits::identifierLength));
    return {std::string(source_.slice(span)), span};
  }

  /// SPEC L5: from_chars knows no locale. What float32 cannot hold is refused here, not discovered
  /// in a kernel.
  double numberOf(Span span) {
    const std::string_view text = source_.slice(span);
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || !isFloat32Number(value))
      diagnostics_.report(DiagnosticKind::NumberOutOfRange, span,
                          "`" + std::string(text.substr(0, 32)) +
                              "` is outside the normal numbers of float32");
    return value;
  }

  double signedNumber(ParseTree &node) {
    const bool negative = node.children.size() == 2;
    const double value = numberOf(spanOf(*node.children.back()));
    return negative ? -value : value;
  }
  Span signedSpan(ParseTree &node) {
    return {spanOf(*node.children.front()).begin, spanOf(*node.children.back()).end};
  }

  void buildItem(ObjectiveParser::ItemContext &context) {
    const std::vector<ParseTree *> &parts = context.children;
    Item item;
    item.span = spanOf(context);
    switch (typeOf(*parts[0])) {
    case ObjectiveParser::PARAM:
      buildParameter(item, parts);
      break;
    case ObjectiveParser::FN: { // fn NAME ( NAME , NAME ) = expr ;
      item.kind = ItemKind::Function;
      item.name = nameOf(*parts[1]);
      for (size_t i = 3; i + 4 < parts.size(); i += 2)
        item.formals.push_back(nameOf(*parts[i]));
      item.value = buildExpr(*parts[parts.size() - 2]);
      break;
    }
    case ObjectiveParser::LOSS:
      item.kind = ItemKind::Loss;
      item.name.span = spanOf(*parts[0]);
      item.value = buildExpr(*parts[2]);
      break;
    case ObjectiveParser::COLUMN: // column NAME [= number] ;
      item.kind = ItemKind::Column;
      item.name = nameOf(*parts[1]);
      if (parts.size() > 3)
        setNumber(item, *parts[3]);
      break;
    case ObjectiveParser::USE:
      buildUse(item, parts);
      break;
    default: // KEYWORD NAME = expr ;
      item.kind = kindOf(typeOf(*parts[0]));
      item.name = nameOf(*parts[1]);
      item.value = buildExpr(*parts[3]);
    }
    ast_.items.push_back(std::move(item));
  }

  static ItemKind kindOf(size_t keyword) {
    switch (keyword) {
    case ObjectiveParser::STATE:
      return ItemKind::State;
    case ObjectiveParser::NEXT:
      return ItemKind::Next;
    case ObjectiveParser::REWARD:
      return ItemKind::Reward;
    case ObjectiveParser::METRIC:
      return ItemKind::Metric;
    default:
      return ItemKind::Binding;
    }
  }

  /// param NAME = number [in range] [log] ;
  void buildParameter(Item &item, const std::vector<ParseTree *> &parts) {
    item.kind = ItemKind::Parameter;
    item.name = nameOf(*parts[1]);
    setNumber(item, *parts[3]);
    for (size_t i = 4; i + 1 < parts.size(); ++i) {
      if (auto *range = dynamic_cast<ObjectiveParser::RangeContext *>(parts[i]))
        item.range = Range{signedNumber(*range->children[1]), signedNumber(*range->children[3]),
                           typeOf(*range->children[0]) == ObjectiveParser::OPEN_PAREN,
                           typeOf(*range->children[4]) == ObjectiveParser::CLOSE_PAREN,
                           spanOf(static_cast<ParserRuleContext &>(*range))};
      else if (typeOf(*parts[i]) == ObjectiveParser::NAME)
        item.logName = nameOf(*parts[i]);
    }
  }

  /// use NAME ( NAME = expr , NAME = expr ) as NAME ;
  void buildUse(Item &item, const std::vector<ParseTree *> &parts) {
    item.kind = ItemKind::Use;
    item.name = item.objective = nameOf(*parts[1]);
    for (size_t i = 2; i + 1 < parts.size(); ++i) {
      if (!terminal(parts[i])) {
        const Name name = nameOf(*parts[i - 2]);
        item.settings.push_back({name, buildExpr(*parts[i])});
      } else if (typeOf(*parts[i]) == ObjectiveParser::AS) {
        item.name = nameOf(*parts[i + 1]);
      }
    }
  }

  void setNumber(Item &item, ParseTree &node) {
    item.number = signedNumber(node);
    item.numberSpan = signedSpan(node);
  }

  ExprRange buildExpr(ParseTree &root) {
    const auto begin = uint32_t(ast_.exprs.size());
    appendExpr(static_cast<ParserRuleContext &>(root));
    return {begin, uint32_t(ast_.exprs.size())};
  }

  static Operator binaryOperator(size_t type) {
    switch (type) {
    case ObjectiveParser::CARET:
      return Operator::Power;
    case ObjectiveParser::STAR:
      return Operator::Multiply;
    case ObjectiveParser::SLASH:
      return Operator::Divide;
    case ObjectiveParser::PLUS:
      return Operator::Add;
    case ObjectiveParser::MINUS:
      return Operator::Subtract;
    case ObjectiveParser::LESS:
      return Operator::Less;
    case ObjectiveParser::LESS_EQUAL:
      return Operator::LessEqual;
    case ObjectiveParser::GREATER:
      return Operator::Greater;
    case ObjectiveParser::GREATER_EQUAL:
      return Operator::GreaterEqual;
    case ObjectiveParser::EQUAL:
      return Operator::Equal;
    case ObjectiveParser::NOT_EQUAL:
      return Operator::NotEqual;
    case ObjectiveParser::AND:
      return Operator::And;
    default:
      return Operator::Or;
    }
  }

  /// Appends the expression, operands first. Recurses along the tree, whose depth the
  /// parser bounds and its thread's stack allows for.
  void appendExpr(ParserRuleContext &context) {
    const std::vector<ParseTree *> &parts = context.children;
    Expr expr;
    expr.span = spanOf(context);
    if (parts.size() == 1) { // NAME | NUMBER
      if (typeOf(*parts[0]) == ObjectiveParser::NUMBER) {
        expr.kind = ExprKind::Number;
        expr.number = numberOf(expr.span);
      } else {
        expr.kind = ExprKind::Name;
        expr.name = nameOf(*parts[0]).text;
      }
    } else if (parts.size() == 2) { // - expr | not expr
      appendOperand(*parts[1]);
      expr.kind = ExprKind::Unary;
      expr.op = typeOf(*parts[0]) == ObjectiveParser::NOT ? Operator::Not : Operator::Negate;
      expr.arguments = 1;
    } else if (!terminal(parts[0])) { // expr op expr
      appendOperand(*parts[0]);
      const auto left = uint32_t(ast_.exprs.size() - 1);
      appendOperand(*parts[2]);
      expr.kind = ExprKind::Binary;
      expr.op = binaryOperator(typeOf(*parts[1]));
      expr.nameSpan = spanOf(*parts[1]);
      expr.arguments = 2;
      refuseChain(expr, ast_.exprs[left]);
      refuseChain(expr, ast_.exprs.back());
    } else if (typeOf(*parts[0]) == ObjectiveParser::OPEN_PAREN) { // ( expr )
      appendOperand(*parts[1]);
      ast_.exprs.back().parenthesised = true;
      ast_.exprs.back().span = expr.span;
      return;
    } else { // NAME ( expr , expr )
      for (size_t i = 2; i + 1 < parts.size(); i += 2)
        appendOperand(*parts[i]);
      expr.kind = ExprKind::Call;
      expr.name = nameOf(*parts[0]).text;
      expr.nameSpan = spanOf(*parts[0]);
      expr.arguments = uint32_t((parts.size() - 2) / 2);
    }
    ast_.exprs.push_back(std::move(expr));
  }
  void appendOperand(ParseTree &node) { appendExpr(static_cast<ParserRuleContext &>(node)); }

  /// SPEC G3
  void refuseChain(const Expr &outer, const Expr &operand) {
    if (!isComparison(outer.op) || operand.kind != ExprKind::Binary || !isComparison(operand.op) ||
        operand.parenthesised)
      return;
    Diagnostic &found = diagnostics_.report(DiagnosticKind::ChainedComparison, outer.span,
                                            "comparisons do not chain; write `a < b and b < c`");
    found.notes.push_back({operand.span, "this is already a comparison"});
    if (&operand == &ast_.exprs.back())
      return;
    // `a < b < c`: the last operand of the first comparison lies just before it.
    const auto text = [&](Span span) { return std::string(source_.slice(span)); };
    found.edits.push_back({outer.span,
                           text(operand.span) + " and " + text((&operand - 1)->span) + " " +
                               text({outer.nameSpan.begin, outer.span.end}),
                           false});
  }

  const Source &source_;
  Diagnostics &diagnostics_;
  Ast ast_;
};

} // namespace

std::optional<Ast> buildAst(ObjectiveParser::FileContext &file, const Source &source,
                            Diagnostics &diagnostics) {
  return AstBuilder(source, diagnostics).build(file);
}

} // namespace disco::dsl
