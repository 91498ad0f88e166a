// Words for texts that do not parse: what was probably meant, with an edit where that is evident.
// Works on plain tokens and knows nothing of how they are parsed.
#pragma once

#include "dsl/support/Diagnostic.h"

#include <span>
#include <string>
#include <vector>

namespace disco::dsl {

enum class TokenKind : uint8_t { Name, Number, BadNumber, Keyword, Symbol, Unknown, End };

struct Token {
  TokenKind kind = TokenKind::End;
  Span span;
};

/// What the grammar would have taken instead of a token.
struct Expected {
  bool expression = false;
  bool item = false;
  std::vector<std::string> texts; // "`;`", "a name"
};

/// Reports characters and spellings that can stand nowhere in the language: `&&`, `**`, `.5`,
/// `torch.where`. True when it found some; parsing then has nothing to add.
bool checkSpellings(const Source &source, std::span<const Token> tokens, Diagnostics &diagnostics);

/// Reports that tokens[at] cannot stand where it stands.
void explainUnexpected(const Source &source, std::span<const Token> tokens, size_t at,
                       const Expected &expected, Diagnostics &diagnostics);

} // namespace disco::dsl
