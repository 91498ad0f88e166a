#include "dsl/Format.h"

#include "dsl/Parser.h"

#include <algorithm>
#include <vector>

namespace disco::dsl {

namespace {

constexpr size_t kColumns = 100;
constexpr size_t kItemIndent = 2, kContinuationIndent = 6;

/// How little a break before a token separates what belongs together; 0 where none may be.
int breakStrength(std::string_view previous, std::string_view text, bool unary) {
  if (previous == ",")
    return 6;
  if (unary)
    return 0;
  if (text == "or")
    return 5;
  if (text == "and")
    return 4;
  if (text == "<" || text == "<=" || text == ">" || text == ">=" || text == "==" || text == "!=")
    return 3;
  if (text == "+" || text == "-")
    return 2;
  return text == "*" || text == "/" ? 1 : 0;
}

/// A token or a comment of one item.
struct Piece {
  std::string text;
  bool space = false;   // before it, when it does not begin a line
  bool ownLine = false; // a comment that stands on a line of its own
  bool comment = false; // ends its line
  size_t depth = 0;     // of parentheses
  int breakBefore = 0;  // breakStrength
};

class Formatter {
public:
  explicit Formatter(const Source &source) : source_(source), tokens_(tokenize(source)) {}

  std::string run() {
    uint32_t done = 0;
    for (const Token &token : tokens_) {
      gap(source_.slice({done, token.span.begin}));
      if (token.kind == TokenKind::End)
        break;
      append(token);
      done = token.span.end;
    }
    return std::move(out_);
  }

private:
  /// What stands between two tokens: blanks and comments.
  void gap(std::string_view text) {
    bool newLine = done_.empty(); // a comment that opens the text has its own line
    size_t breaks = 0;
    while (!text.empty()) {
      if (text.front() == '/') {
        std::string_view comment = text.substr(0, text.find('\n'));
        text.remove_prefix(comment.size());
        comment = comment.substr(0, comment.find_last_not_of(" \t\r") + 1);
        blankLine(breaks);
        appendComment(comment, newLine);
        breaks = 0;
        continue;
      }
      newLine |= text.front() == '\n';
      breaks += text.front() == '\n';
      text.remove_prefix(1);
    }
    blankLine(breaks);
  }

  /// Between items the author's blank lines are kept, one of several.
  void blankLine(size_t breaks) { blank_ |= breaks > 1 && item_.empty() && !out_.empty(); }

  void appendComment(std::string_view comment, bool ownLine) {
    if (!item_.empty()) { // in the middle of an item
      item_.push_back({std::string(comment), true, ownLine, true, depth_, 0});
    } else if (ownLine) {
      writeLine(inside_ ? kItemIndent : 0, comment);
    } else {
      out_.back() = ' '; // the line break of what it follows
      out_ += std::string(comment) + '\n';
    }
    done_ = comment;
  }

  void append(const Token &token) {
    const std::string_view text = source_.slice(token.span);
    if (text == "}")
      inside_ = blank_ = false;
    depth_ -= (text == ")" || text == "]") && depth_ > 0;
    const bool unary = text == "-" && !(previous_ == TokenKind::Name ||
                                        previous_ == TokenKind::Number || word_ == ")");
    item_.push_back({std::string(text), space(text, unary), false, false, depth_,
                     breakStrength(word_, text, unary)});
    depth_ += text == "(" || text == "[";
    afterUnary_ = unary;
    previous_ = token.kind;
    done_ = word_ = text;
    if (text == "{" || text == "}" || text == ";")
      finishItem(text == "}" || text == "{" ? 0 : kItemIndent);
    if (text == "{")
      inside_ = true, fresh_ = true;
  }

  bool space(std::string_view text, bool unary) const {
    if (word_ == "(" || word_ == "[" || afterUnary_ || word_ == "^")
      return false;
    if (text == ")" || text == "]" || text == "," || text == ";" || text == "^")
      return false;
    return unary || text != "(" || previous_ != TokenKind::Name;
  }

  void finishItem(size_t indent) {
    size_t begin = 0;
    size_t at = indent;
    while (begin < item_.size()) {
      const size_t end = lineEnd(begin, at);
      std::string line;
      for (size_t i = begin; i < end; ++i)
        line += (i > begin && item_[i].space ? " " : "") + item_[i].text;
      writeLine(at, line);
      begin = end;
      at = indent + kContinuationIndent - kItemIndent;
    }
    item_.clear();
    depth_ = 0;
  }

  /// Where the line that begins with a piece ends: before the weakest joint of those that fit, the
  /// last of several.
  size_t lineEnd(size_t begin, size_t column) const {
    size_t best = 0;
    for (size_t i = begin; i < item_.size(); ++i) {
      const Piece &piece = item_[i];
      if (i > begin && piece.ownLine)
        return i;
      column += piece.text.size() + (i > begin && piece.space);
      if (piece.comment)
        return i + 1;
      if (column > kColumns && best > 0)
        return best;
      if (i > begin && piece.breakBefore > 0 &&
          (best == 0 || piece.depth < item_[best].depth ||
           (piece.depth == item_[best].depth && piece.breakBefore >= item_[best].breakBefore)))
        best = i;
    }
    return item_.size();
  }

  void writeLine(size_t indent, std::string_view text) {
    if (blank_ && !fresh_)
      out_ += '\n';
    blank_ = fresh_ = false;
    out_ += std::string(indent, ' ') + std::string(text) + '\n';
  }

  const Source &source_;
  std::vector<Token> tokens_;
  std::string out_;
  std::vector<Piece> item_; // of the item that is being read
  size_t depth_ = 0;
  bool inside_ = false;                 // between the braces
  bool blank_ = false;                  // a blank line comes before the next line,
  bool fresh_ = true;                   // unless that line opens the text or the objective
  bool afterUnary_ = false;             // the last token was a sign
  TokenKind previous_ = TokenKind::End; // of the last token
  std::string_view word_, done_;        // the last token; that or the comment after it
};

} // namespace

std::optional<std::string> formatText(const Source &source, Diagnostics &diagnostics) {
  if (!parse(source, diagnostics))
    return std::nullopt;
  return Formatter(source).run();
}

} // namespace disco::dsl
