// What the parser makes and the checker reads: the items of one objective and their expressions, as
// written. Expressions lie in one vector, operands before users, so that every later pass is a loop
// and no pass recurses on the author's text.
#pragma once

#include "dsl/support/Source.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace disco::dsl {

/// What an author writes between and before operands, with the text it is written as.
enum class Operator : uint8_t {
  Negate,
  Not,
  Power,
  Multiply,
  Divide,
  Add,
  Subtract,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Equal,
  NotEqual,
  And,
  Or,
};
std::string_view operatorText(Operator op);
bool isComparison(Operator op);

enum class ExprKind : uint8_t { Number, Name, Unary, Binary, Call };

struct Expr {
  ExprKind kind = ExprKind::Number;
  Operator op = Operator::Negate; // Unary, Binary
  bool parenthesised = false;
  Span span;
  double number = 0;      // Number
  std::string name;       // Name, Call
  Span nameSpan;          // Call: the function's name alone
  uint32_t arguments = 0; // how many operands it takes from those before it
};

/// An expression: the half-open range of `Ast::exprs` it fills. Its root is the last one.
struct ExprRange {
  uint32_t begin = 0;
  uint32_t end = 0;
  bool empty() const { return begin == end; }
};

struct Name {
  std::string text;
  Span span;
};

enum class ItemKind : uint8_t {
  Parameter,
  Column,
  State,
  Next,
  Binding,
  Function,
  Use,
  Loss,
  Reward,
  Metric,
};
/// The keyword that opens an item of this kind.
std::string_view itemKeyword(ItemKind kind);
/// Whether such an item gives expressions below it a name.
bool definesName(ItemKind kind);

struct Range {
  double lower = 0, upper = 0;
  bool lowerOpen = false, upperOpen = false;
  Span span;
};

/// `NAME = EXPR` between the parentheses of `use`.
struct Setting {
  Name name;
  ExprRange value;
};

struct Item {
  ItemKind kind = ItemKind::Binding;
  Span span;
  Name name;                    // all but Loss; Reward: the side; Use: the alias, or the objective
  std::vector<Name> formals;    // Function
  ExprRange value;              // all but Parameter, Column, Use
  std::optional<double> number; // Parameter, Column: the default
  Span numberSpan;
  std::optional<Range> range;    // Parameter
  std::optional<Name> logName;   // Parameter: the word after the range
  Name objective;                // Use
  std::vector<Setting> settings; // Use
};

struct Ast {
  Name name;
  std::vector<Item> items;
  std::vector<Expr> exprs;
};

/// One line per item and expression node, indented by nesting; for `--emit=ast`.
std::string printAst(const Ast &ast);

} // namespace disco::dsl
