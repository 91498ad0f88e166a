// The table "written / response" for spellings of neighbouring languages that stand nowhere in this
// one, whatever is around them. Names and functions are the checker's.
#include "dsl/Syntax.h"

#include "dsl/Builtins.h"
#include "dsl/Program.h"

#include <algorithm>
#include <set>

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
    {"~", "", "negation is written `not`"},
    {"?", "", "`c ? a : b` is written `where(c, a, b)`"},
    {":", "", "types are inferred and not written; a choice is `where(c, a, b)`"},
    {".", "", "values have no members; functions are called by name"},
    {"%", "", "there is no remainder operation"},
    {"@", "", "there is no matrix product"},
    {"\"", "", "there are no strings"},
    {"'", "", "there are no strings"},
};

/// Words of other languages. They are plain names here, but no two names stand side by side.
struct ForeignWord {
  std::string_view word, advice;
};
constexpr ForeignWord kForeignWords[] = {
    {"def", "a function is written `fn f(x) = ...;`"},
    {"lambda", "a function is written `fn f(x) = ...;`"},
    {"if", "a choice is written `where(c, a, b)`"},
    {"else", "a choice is written `where(c, a, b)`"},
    {"elif", "a choice is written `where(c, a, b)`"},
    {"for", "there are no loops; functions work on all pairs at once"},
    {"while", "there are no loops; functions work on all pairs at once"},
    {"import", "a text begins with `objective NAME {`; functions need no import"},
    {"from", "a text begins with `objective NAME {`; functions need no import"},
    {"class", "a text begins with `objective NAME {`"},
    {"var", "a name is bound by `let NAME = ...;`"},
    {"const", "a name is bound by `let NAME = ...;`"},
};

/// Modules whose functions models write out of habit.
constexpr std::string_view kModules[] = {"F", "torch", "np", "numpy", "math", "jnp", "jax", "nn"};

/// Members that change a tensor and nothing of what it means here.
constexpr std::string_view kConversions[] = {"float", "double", "half", "bfloat16", "item"};

bool contains(std::span<const std::string_view> list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
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
      else if (text(at) == "let")
        noteBinding(at);
      else if (isName(at) && at + 1 < tokens_.size() && isName(at + 1))
        at = foreignWord(at);
    }
    return found_;
  }

private:
  std::string_view text(size_t at) const { return source_.slice(tokens_[at].span); }
  bool isName(size_t at) const { return tokens_[at].kind == TokenKind::Name; }
  /// Whether the next token follows without space.
  bool adjacent(size_t at) const {
    return at + 1 < tokens_.size() && tokens_[at + 1].span.begin == tokens_[at].span.end;
  }

  Diagnostic &report(DiagnosticKind kind, Span span, std::string message) {
    found_ = true;
    return diagnostics_.report(kind, span, std::move(message));
  }

  Diagnostic &foreign(Span span, std::string_view advice) {
    return report(DiagnosticKind::ForeignSpelling, span,
                  "`" + std::string(source_.slice(span).substr(0, 64)) +
                      "` is not of this language; " + std::string(advice));
  }

  void foreign(Span span, const Spelling &spelling) {
    Diagnostic &found = foreign(span, spelling.advice);
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
    const uint32_t begin = tokens_[at].span.begin;
    if (text(at) == "." && at > 0 && (isName(at - 1) || text(at - 1) == ")") && adjacent(at) &&
        isName(at + 1))
      return member(at);
    for (const Spelling &spelling : kSpellings) {
      if (source_.text().compare(begin, spelling.written.size(), spelling.written) != 0)
        continue;
      foreign({begin, uint32_t(begin + spelling.written.size())}, spelling);
      return spelling.written == "#" ? lastOfLine(at) : at + spelling.written.size() - 1;
    }
    report(DiagnosticKind::UnexpectedCharacter, tokens_[at].span,
           "`" + std::string(text(at)) + "` begins nothing in this language");
    return at;
  }

  /// What follows on the line is no code of ours.
  size_t lastOfLine(size_t at) const {
    const size_t end = source_.text().find('\n', tokens_[at].span.begin);
    while (at + 1 < tokens_.size() && tokens_[at + 1].span.begin < end &&
           tokens_[at + 1].kind != TokenKind::End)
      ++at;
    return at;
  }

  /// `import os`, `def f(x):`; returns the last token it dealt with.
  size_t foreignWord(size_t at) {
    for (const ForeignWord &row : kForeignWords)
      if (text(at) == row.word) {
        foreign(tokens_[at].span, row.advice);
        return lastOfLine(at);
      }
    return at;
  }

  /// `torch.where(` loses its module; `x.mean()` becomes a call.
  size_t member(size_t at) {
    size_t last = at + 1; // the last name of `a.b.c`
    while (last + 2 < tokens_.size() && adjacent(last) && text(last + 1) == "." &&
           adjacent(last + 1) && isName(last + 2))
      last += 2;
    const std::string_view name = text(last);
    const bool module = isName(at - 1) && contains(kModules, text(at - 1));
    const bool called = last + 1 < tokens_.size() && text(last + 1) == "(";
    const size_t close = called ? closing(last + 1) : 0;
    const bool noArguments = called && close == last + 2;
    const size_t first = module ? at - 1 : objectBegin(at - 1);
    const bool tokens = module ? readsTokens(last + 1, close) : readsTokens(first, at - 1);
    const std::string canonical = functionOf(name, tokens, !module && noArguments);
    const Builtin *builtin = findBuiltin(canonical);
    const uint32_t begin = tokens_[first].span.begin;
    Diagnostic &found = foreign(
        {begin, tokens_[last].span.end},
        "functions are called by name, as in `" +
            (builtin ? canonical + "(" + std::string(builtin->parameters) : "exp(x") + ")`");
    if (first > 0 && text(first - 1) == ".")
      return last; // a member of a member: the first is told first
    if (module && builtin) {
      found.edits.push_back({{begin, tokens_[last].span.end}, canonical, true});
    } else if (!module && last == at + 1 && noArguments) {
      const Span whole{begin, tokens_[close].span.end};
      std::string object(source_.slice({begin, tokens_[at - 1].span.end}));
      if (contains(kConversions, name)) {
        found.message = "`." + std::string(name) + "()` converts nothing: all numbers are real";
        found.edits.push_back({whole, object, true});
      } else if (builtin && builtin->arity == 1) {
        const bool parenthesised = text(first) == "(";
        found.edits.push_back(
            {whole, canonical + (parenthesised ? object : "(" + object + ")"), true});
      }
      return close;
    }
    return last;
  }

  /// What a function of another library is called here. A reduction has the extent of its argument
  /// in its name; as a method without arguments `max` and `min` are reductions too.
  static std::string functionOf(std::string_view name, bool tokens, bool method) {
    if (method && (name == "max" || name == "min"))
      return "batch_" + std::string(name);
    std::string ours(aliasOf(name).empty() ? name : aliasOf(name));
    if (tokens && ours.starts_with("batch_"))
      ours.replace(0, 5, "token");
    return ours;
  }

  /// Of an operand that ends with a name or `)`: a name, a parenthesis, or a call.
  size_t objectBegin(size_t end) const {
    if (text(end) != ")")
      return end;
    size_t depth = 0, at = end + 1;
    while (at-- > 0) {
      depth += text(at) == ")";
      depth -= text(at) == "(";
      if (depth == 0)
        break;
    }
    if (depth > 0)
      return end; // nothing opens it
    return at > 0 && isName(at - 1) ? at - 1 : at;
  }

  /// The parenthesis that closes the one at a token; the token itself where none does.
  size_t closing(size_t open) const {
    size_t depth = 0;
    for (size_t at = open; at < tokens_.size(); ++at) {
      depth += text(at) == "(";
      if (text(at) == ")" && --depth == 0)
        return at;
    }
    return open;
  }

  /// Whether tokens name a value per token that no `token_*` function around it reduces. Types are
  /// not known before a text parses, so this looks at names alone.
  bool readsTokens(size_t begin, size_t end) const {
    for (size_t at = begin; at <= end && at < tokens_.size(); ++at) {
      if (!isName(at))
        continue;
      if (text(at).starts_with("token_") && at + 1 < tokens_.size() && text(at + 1) == "(") {
        at = closing(at + 1);
        continue;
      }
      const std::optional<Input> input = inputByName(text(at));
      if ((input && isToken(inputExtent(*input))) || perToken_.count(text(at)))
        return true;
    }
    return false;
  }

  /// `let NAME = ... ;`
  void noteBinding(size_t at) {
    size_t end = at;
    while (end + 1 < tokens_.size() && text(end) != ";")
      ++end;
    if (at + 2 < end && isName(at + 1) && readsTokens(at + 2, end))
      perToken_.insert(text(at + 1));
  }

  const Source &source_;
  std::span<const Token> tokens_;
  Diagnostics &diagnostics_;
  std::set<std::string_view> perToken_; // names bound to values per token
  bool found_ = false;
};

} // namespace

bool checkSpellings(const Source &source, std::span<const Token> tokens, Diagnostics &diagnostics) {
  return SpellingCheck(source, tokens, diagnostics).run();
}

} // namespace disco::dsl
