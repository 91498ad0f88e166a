// Words for a token that stands where none of its kind may: what was probably meant.
#include "dsl/Syntax.h"

#include <algorithm>

namespace disco::dsl {

namespace {

class Explanation {
public:
  Explanation(const Source &source, std::span<const Token> tokens, size_t at,
              const Expected &expected, Diagnostics &diagnostics)
      : source_(source), tokens_(tokens), at_(at), expected_(expected), diagnostics_(diagnostics),
        text_(source.slice(tokens[at].span)), previous_(at > 0 ? word(at - 1) : "") {}

  void report() {
    if (missingSemicolon() || returned() || reassigned() || namedArgument())
      return;
    Diagnostic &found = diagnostics_.report(DiagnosticKind::UnexpectedToken, tokens_[at_].span,
                                            "expected " + listOfExpected() + ", found " + seen());
    if (previous_ == "loss" && expects("`=`") && startsExpression())
      found.edits.push_back({after(at_ - 1), " =", true});
    if (opensAssignment())
      found.edits.push_back({{tokens_[at_].span.begin, tokens_[at_].span.begin}, "let ", false});
  }

private:
  std::string_view word(size_t at) const { return source_.slice(tokens_[at].span); }
  bool end() const { return tokens_[at_].kind == TokenKind::End; }
  Span after(size_t at) const { return {tokens_[at].span.end, tokens_[at].span.end}; }
  bool expects(std::string_view text) const {
    return std::find(expected_.texts.begin(), expected_.texts.end(), text) != expected_.texts.end();
  }
  bool startsExpression() const {
    const TokenKind kind = tokens_[at_].kind;
    return kind == TokenKind::Name || kind == TokenKind::Number || text_ == "(" || text_ == "-" ||
           text_ == "not";
  }
  std::string seen() const {
    return end() ? "the end of the text" : "`" + std::string(text_.substr(0, 64)) + "`";
  }

  std::string listOfExpected() const {
    std::vector<std::string> parts;
    if (expected_.expression)
      parts.push_back("an expression");
    if (expected_.item)
      parts.push_back("an item such as `let` or `loss`");
    parts.insert(parts.end(), expected_.texts.begin(), expected_.texts.end());
    std::string out;
    for (size_t i = 0; i < parts.size(); ++i)
      out += (i == 0 ? "" : i + 1 == parts.size() ? " or " : ", ") + parts[i];
    return out;
  }

  bool missingSemicolon() {
    if (!expects("`;`") || at_ == 0 ||
        !(end() || text_ == "}" || text_ == "return" || tokens_[at_].kind == TokenKind::Keyword))
      return false;
    diagnostics_
        .report(DiagnosticKind::MissingSemicolon, after(at_ - 1), "expected `;` before " + seen())
        .edits.push_back({after(at_ - 1), ";", true});
    return true;
  }

  bool returned() {
    if (!expected_.item || text_ != "return")
      return false;
    diagnostics_
        .report(DiagnosticKind::ForeignSpelling, tokens_[at_].span,
                "there is no `return`; the value is `loss = ...;`")
        .edits.push_back({tokens_[at_].span, "loss =", true});
    return true;
  }

  bool opensAssignment() const {
    return expected_.item && tokens_[at_].kind == TokenKind::Name && at_ + 1 < tokens_.size() &&
           word(at_ + 1) == "=";
  }

  /// `q = q + x;` and `q += x;`
  bool reassigned() {
    if (!expected_.item || tokens_[at_].kind != TokenKind::Name || at_ + 1 >= tokens_.size())
      return false;
    const bool compound = at_ + 2 < tokens_.size() && word(at_ + 2) == "=" &&
                          tokens_[at_ + 1].kind == TokenKind::Symbol && word(at_ + 1) != "=";
    if (!compound && word(at_ + 1) != "=")
      return false;
    for (size_t at = 0; at + 1 < at_; ++at)
      if ((word(at) == "let" || word(at) == "param") && word(at + 1) == text_) {
        diagnostics_
            .report(DiagnosticKind::ForeignSpelling, tokens_[at_].span,
                    "there is no assignment; " + seen() +
                        " is bound once, and a new value needs a new name: `let NAME = ...;`")
            .notes.push_back({tokens_[at + 1].span, "bound here"});
        return true;
      }
    return false;
  }

  /// `clamp(x, min=0)`
  bool namedArgument() {
    if (text_ != "=" || at_ < 2 || tokens_[at_ - 1].kind != TokenKind::Name ||
        (word(at_ - 2) != "," && word(at_ - 2) != "("))
      return false;
    diagnostics_.report(DiagnosticKind::ForeignSpelling,
                        {tokens_[at_ - 1].span.begin, tokens_[at_].span.end},
                        "arguments have no names; `clamp(x, low, high)` takes both bounds, one "
                        "bound alone is `max(x, low)` or `min(x, high)`");
    return true;
  }

  const Source &source_;
  std::span<const Token> tokens_;
  size_t at_;
  const Expected &expected_;
  Diagnostics &diagnostics_;
  std::string_view text_, previous_;
};

} // namespace

void explainUnexpected(const Source &source, std::span<const Token> tokens, size_t at,
                       const Expected &expected, Diagnostics &diagnostics) {
  Explanation(source, tokens, at, expected, diagnostics).report();
}

} // namespace disco::dsl
