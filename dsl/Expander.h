// Expressions to nodes: the part of the checker that knows names, functions and types inside an
// expression. Expander.cpp walks expressions and makes nodes, Names.cpp finds what names stand for,
// Meetings.cpp judges operands that stand side by side.
#pragma once

#include "dsl/Ast.h"
#include "dsl/Builtins.h"
#include "dsl/Graph.h"
#include "dsl/support/Diagnostic.h"

#include <string>
#include <string_view>
#include <vector>

namespace disco::dsl {

inline std::string quoted(std::string_view text) { return "`" + std::string(text) + "`"; }

/// How many numbers a value is, in words: "one number per pair".
std::string_view extentText(Extent extent);

/// What a number measures, as far as it can be told. SPEC U1: two different units should not be
/// added or compared.
enum class Unit : uint8_t { None, LogProb, PerToken, Count };

/// How a pair value's numbers are arranged: as the pairs are, by batch_sort, or (once reported) as
/// a mixture of both. None for batch values.
enum class Order : uint8_t { None, Batch, Rank, Mixed };

/// A typed value, or none: an error was reported where it was made, and its users stay silent.
struct Value {
  NodeId node = kNoNode;
  Unit unit = Unit::None;
  bool valid() const { return node != kNoNode; }
};

/// A name defined by an item above.
struct Definition {
  const Item *item = nullptr;
  Value value; // not for functions
  bool used = false;
  bool isFunction() const { return item->kind == ItemKind::Function; }
};

class Expander {
public:
  Expander(const Source &source, const Ast &ast, Diagnostics &diagnostics)
      : source_(source), ast_(ast), diagnostics_(diagnostics) {}

  /// The value of an expression of the objective, seeing what is defined so far.
  Value expand(ExprRange range);
  /// Looks up the names in a function's body before anybody calls it.
  void checkFunction(const Item &function);
  /// The prelude's value of a name, whether or not the objective redefines it. For default rewards.
  Value prelude(std::string_view name);
  Value apply(Op op, std::span<const Value> operands, Span span);
  Value apply(Op op, std::initializer_list<Value> operands, Span span) {
    return apply(op, std::span(operands.begin(), operands.size()), span);
  }
  /// Whether the value depends on numbers and parameters alone: a CONST of the language.
  bool isConst(NodeId id) const;
  /// False, with `exhausted` set, where the objective has no room for so many more calls. SPEC X8
  bool countExpansions(size_t count, Span span);

  /// Reports unless the same finding was reported at the same place: a function's body is expanded
  /// many times.
  Diagnostic &report(DiagnosticKind kind, Span span, std::string message);

  std::vector<Definition> definitions;
  /// Ranges of CONST expressions, of which those at the default parameters are still to be checked.
  std::vector<Constraint> constraints;
  Graph graph;
  /// A limit was passed; whatever is left would only repeat that.
  bool exhausted = false;
  size_t expansions = 0; // calls of functions and uses so far

private:
  struct Frame {
    const Ast &ast;
    const Item *function = nullptr;
    std::span<const Value> arguments = {};
    size_t visible = 0; // how many definitions the text may use
    /// In the library: the author's text that it stands for.
    std::optional<Span> authorSpan = std::nullopt;
    const Frame *caller = nullptr;
    Span call = {};
  };

  Value expandIn(const Frame &frame, ExprRange range);
  Value nameValue(const Frame &frame, const Expr &expr);
  Value unary(const Frame &frame, const Expr &expr, Value operand, const Expr &operandExpr);
  Value binary(const Frame &frame, const Expr &expr, Value left, Value right, const Expr &leftExpr,
               const Expr &rightExpr);
  Value call(const Frame &frame, const Expr &expr, std::span<const Value> arguments,
             std::span<const Expr *const> written);
  bool wantExtent(const Frame &frame, const Builtin &builtin, const Expr &expr, Value argument,
                  const Expr &written);
  bool wantLevel(const Frame &frame, Value level, const Expr &written);
  Value input(Input input, Span span);
  Value callBuiltin(const Frame &frame, const Builtin &builtin, const Expr &expr,
                    std::span<const Value> arguments, std::span<const Expr *const> written);
  Value callFunction(const Frame &frame, const Ast &ast, const Item &function, size_t visible,
                     std::optional<Span> authorSpan, const Expr &expr,
                     std::span<const Value> arguments);

  bool wantKind(const Frame &frame, const Expr &expr, Value value, Kind kind,
                std::string_view user);
  bool wantArity(const Frame &frame, const Expr &expr, size_t given, size_t wanted,
                 std::optional<Span> declared);
  bool meet(const Frame &frame, const Expr &expr, std::span<const Value> values,
            std::span<const Expr *const> written);
  Unit combine(const Frame &frame, const Expr &expr, Unit left, Unit right, const Expr &leftExpr,
               const Expr &rightExpr);
  Unit binaryUnit(const Frame &frame, const Expr &expr, Value left, Value right,
                  const Expr &leftExpr, const Expr &rightExpr);
  Unit primitiveUnit(const Frame &frame, Op op, const Expr &expr, std::span<const Value> arguments,
                     std::span<const Expr *const> written);
  void warnUnstable(const Frame &frame, const Expr &expr, NodeId id);
  Order orderOf(NodeId id);
  void reportUndeclared(const Frame &frame, const Expr &expr);
  void reportMissingFunction(const Frame &frame, const Expr &expr,
                             std::span<const Value> arguments);
  Definition *definition(const Frame &frame, std::string_view name);
  Span spanIn(const Frame &frame, const Expr &expr) const;
  void noteCallers(const Frame &frame, Diagnostic &found);

  const Source &source_;
  const Ast &ast_;
  Diagnostics &diagnostics_;
  Diagnostic repeated_{};
  std::vector<std::pair<DiagnosticKind, Span>> reported_;
  std::vector<std::pair<std::string_view, Value>> prelude_;
  std::vector<Order> orders_; // of the nodes so far
};

} // namespace disco::dsl
