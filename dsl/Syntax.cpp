// The table "written / response" for spellings of neighbouring languages, as far as it concerns
// tokens. Names and functions are the checker's.
#include "dsl/Syntax.h"

#include "dsl/Builtins.h"

#include <algorithm>
#include <array>

namespace disco::dsl {

namespace {

struct Spelling {
  std::string_view written;
  std::string_view meant; // empty: no one-for-one replacement
  std::string_view advice;
};

constexpr Spelling kSpellings[] = {
    {"**", "^", "powers are written `^`"},
    {"&&", " and ", "conjunction is written `and`"},
    {"||", " or ", "disjunction is written `or`"},
    {"!", "not ", "negation is written `not`"},
    {"#", "//", "comments open with `//`"},
    {"&", "", "conjunction is written `and`"},
    {"|", "", "disjunction is written `or`"},
    {"?", "", "`c ? a : b` is written `where(c, a, b)`"},
    {":", "", "types are inferred and not written; a choice is `where(c, a, b)`"},
    {".", "", "values have no members; functions are called by name"},
    {"%", "", "there is no remainder operation"},
    {"@", "", "there is no matrix product"},
    {"\"", "", "there are no strings"},
    {"'", "", "there are no strings"},
};

/// Modules whose functions models write out of habit.
constexpr std::string_view kModules[] = {"F", "torch", "np", "numpy", "math", "jnp", "jax", "nn"};

bool isModule(std::string_view name) {
  return std::find(std::begin(kModules), std::end(kModules), name) != std::end(kModules);
}

class SpellingCheck {
public:
  SpellingCheck(const Source &source, std::span<const Token> tokens, Diagnostics &diagnostics)
      : source_(source), tokens_(tokens), diagnostics_(diagnostics) {}

  bool run() {
    for (size_t at = 0; at < tokens_.size(); ++at) {
      const Token &token = tokens_[at];
      if (token.kind == TokenKind::BadNumber)
        badNumber(token.span);
      else if (token.kind == TokenKind::Unknown)
        at = unknown(at);
      else if (text(at) == "*" && adjacent(at) && text(at + 1) == "*")
        foreign({token.span.begin, tokens_[++at].span.end}, kSpellings[0]);
    }
    return found_;
  }

private:
  std::string_view text(size_t at) const { return source_.slice(tokens_[at].span); }
  /// Whether the next token follows without space.
  bool adjacent(size_t at) const {
    return at + 1 < tokens_.size() && tokens_[at + 1].span.begin == tokens_[at].span.end;
  }

  Diagnostic &report(DiagnosticKind kind, Span span, std::string message) {
    found_ = true;
    return diagnostics_.report(kind, span, std::move(message));
  }

  void foreign(Span span, const Spelling &spelling) {
    Diagnostic &found = report(DiagnosticKind::ForeignSpelling, span,
                               "`" + std::string(source_.slice(span)) +
                                   "` is not of this language; " + std::string(spelling.advice));
    if (spelling.meant.empty())
      return;
    // `a && b` already has its spaces.
    std::string meant(spelling.meant);
    const std::string &all = source_.text();
    if (meant.front() == ' ' && span.begin > 0 && all[span.begin - 1] == ' ')
      meant.erase(0, 1);
    if (meant.back() == ' ' && span.end < all.size() && all[span.end] == ' ')
      meant.pop_back();
    found.edits.push_back({span, meant, true});
  }

  void badNumber(Span span) {
    const std::string_view written = source_.slice(span);
    Diagnostic &found = report(DiagnosticKind::MalformedNumber, span,
                               "`" + std::string(written.substr(0, 32)) +
                                   "` is not a number; numbers are written like 5, 0.5 or 1e-3");
    const auto digits = [](std::string_view part) {
      return !part.empty() &&
             std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    };
    if (written.front() == '.' && digits(written.substr(1)))
      found.edits.push_back({{span.begin, span.begin}, "0", true});
    else if (written.back() == '.' && digits(written.substr(0, written.size() - 1)))
      found.edits.push_back({{span.end, span.end}, "0", true});
  }

  /// A token of one unknown character; returns the last token it dealt with.
  size_t unknown(size_t at) {
    if (text(at) == "." && at > 0 && tokens_[at - 1].kind == TokenKind::Name && adjacent(at) &&
        tokens_[at + 1].kind == TokenKind::Name)
      return member(at);
    const uint32_t begin = tokens_[at].span.begin;
    for (const Spelling &spelling : kSpellings) {
      if (source_.text().compare(begin, spelling.written.size(), spelling.written) != 0)
        continue;
      foreign({begin, uint32_t(begin + spelling.written.size())}, spelling);
      return at + spelling.written.size() - 1;
    }
    report(DiagnosticKind::UnexpectedCharacter, tokens_[at].span,
           "`" + std::string(text(at)) + "` begins nothing in this language");
    return at;
  }

  /// `torch.where(` loses its module; `x.mean()` becomes a call.
  size_t member(size_t at) {
    size_t last = at + 1; // the last name of `a.b.c`
    while (last + 2 < tokens_.size() && adjacent(last) && text(last + 1) == "." &&
           adjacent(last + 1) && tokens_[last + 2].kind == TokenKind::Name)
      last += 2;
    const Span object = tokens_[at - 1].span, function = tokens_[last].span;
    const std::string name(source_.slice(function));
    const std::string canonical(aliasOf(name).empty() ? name : aliasOf(name));
    Diagnostic &found =
        report(DiagnosticKind::ForeignSpelling, {object.begin, function.end},
               "`" + std::string(source_.slice({object.begin, function.end})).substr(0, 64) +
                   "` is not of this language; functions are called by name, as in `" +
                   (findBuiltin(canonical) ? canonical : "exp") + "(x)`");
    if (isModule(source_.slice(object))) {
      found.edits.push_back({{object.begin, function.end}, canonical, true});
    } else if (last == at + 1 && findBuiltin(canonical) && last + 2 < tokens_.size() &&
               text(last + 1) == "(" && text(last + 2) == ")") {
      found.edits.push_back({{object.begin, tokens_[last + 2].span.end},
                             canonical + "(" + std::string(source_.slice(object)) + ")",
                             true});
      return last + 2;
    }
    return last;
  }

  const Source &source_;
  std::span<const Token> tokens_;
  Diagnostics &diagnostics_;
  bool found_ = false;
};

std::string listOf(const Expected &expected) {
  std::vector<std::string> parts;
  if (expected.expression)
    parts.push_back("an expression");
  if (expected.item)
    parts.push_back("an item such as `let` or `loss`");
  parts.insert(parts.end(), expected.texts.begin(), expected.texts.end());
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i)
    out += (i == 0 ? "" : i + 1 == parts.size() ? " or " : ", ") + parts[i];
  return out;
}

} // namespace

bool checkSpellings(const Source &source, std::span<const Token> tokens, Diagnostics &diagnostics) {
  return SpellingCheck(source, tokens, diagnostics).run();
}

void explainUnexpected(const Source &source, std::span<const Token> tokens, size_t at,
                       const Expected &expected, Diagnostics &diagnostics) {
  const Token &token = tokens[at];
  const std::string_view text = source.slice(token.span);
  const bool end = token.kind == TokenKind::End;
  const std::string seen =
      end ? "the end of the text" : "`" + std::string(text.substr(0, 64)) + "`";
  const bool wantsSemicolon =
      std::find(expected.texts.begin(), expected.texts.end(), "`;`") != expected.texts.end();
  const std::string_view previous = at > 0 ? source.slice(tokens[at - 1].span) : "";

  if (wantsSemicolon && at > 0 &&
      (end || text == "}" || text == "return" || token.kind == TokenKind::Keyword)) {
    const uint32_t after = tokens[at - 1].span.end;
    Diagnostic &found = diagnostics.report(DiagnosticKind::MissingSemicolon, {after, after},
                                           "expected `;` before " + seen);
    found.edits.push_back({{after, after}, ";", true});
    return;
  }
  if (expected.item && text == "return") {
    Diagnostic &found = diagnostics.report(DiagnosticKind::ForeignSpelling, token.span,
                                           "there is no `return`; the value is `loss = ...;`");
    found.edits.push_back({token.span, "loss =", true});
    return;
  }
  Diagnostic &found = diagnostics.report(DiagnosticKind::UnexpectedToken, token.span,
                                         "expected " + listOf(expected) + ", found " + seen);
  if (previous == "loss" && expected.texts == std::vector<std::string>{"`=`"})
    found.edits.push_back({{tokens[at - 1].span.end, tokens[at - 1].span.end}, " =", true});
  if (expected.item && token.kind == TokenKind::Name && at + 1 < tokens.size() &&
      source.slice(tokens[at + 1].span) == "=")
    found.edits.push_back({{token.span.begin, token.span.begin}, "let ", false});
}

} // namespace disco::dsl
