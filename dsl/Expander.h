// Expressions to nodes: the part of the checker that knows names, functions and types inside an
// expression.
#pragma once

#include "dsl/Ast.h"
#include "dsl/Builtins.h"
#include "dsl/Graph.h"
#include "dsl/support/Diagnostic.h"

#include <string_view>
#include <vector>

namespace disco::dsl {

/// What a number measures, as far as it can be told. SPEC U1: two different units should not be
/// added or compared.
enum class Unit : uint8_t { None, LogProb, PerToken, Count };

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
  Value apply(Op op, std::initializer_list<Value> operands, Span span);

  /// Reports unless the same finding was reported at the same place: a function's body is expanded
  /// many times.
  Diagnostic &report(DiagnosticKind kind, Span span, std::string message);

  std::vector<Definition> definitions;
  Graph graph;
  /// A limit was passed; whatever is left would only repeat that.
  bool exhausted = false;

private:
  struct Frame {
    const Ast &ast;
    const Item *function = nullptr;
    std::span<const Value> arguments = {};
    size_t visible = 0; // how many definitions the text may use
    std::optional<Span> librarySpan =
        std::nullopt; // in the library: the author's text it stands for
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
  Value callBuiltin(const Frame &frame, const Builtin &builtin, const Expr &expr,
                    std::span<const Value> arguments, std::span<const Expr *const> written);
  Value callFunction(const Frame &frame, const Ast &ast, const Item &function, size_t visible,
                     std::optional<Span> librarySpan, const Expr &expr,
                     std::span<const Value> arguments);

  bool wantKind(const Frame &frame, const Expr &expr, Value value, Kind kind,
                std::string_view user);
  bool wantArity(const Frame &frame, const Expr &expr, size_t given, size_t wanted,
                 std::optional<Span> declared);
  Unit combine(const Frame &frame, const Expr &expr, Unit left, Unit right, const Expr &leftExpr,
               const Expr &rightExpr);
  void warnUnstable(const Frame &frame, const Expr &expr, NodeId id);
  void reportUndeclared(const Frame &frame, const Expr &expr);
  void reportMissingFunction(const Frame &frame, const Expr &expr);
  Definition *definition(const Frame &frame, std::string_view name);
  Span spanIn(const Frame &frame, const Expr &expr) const;
  void noteCallers(const Frame &frame, Diagnostic &found);

  const Source &source_;
  const Ast &ast_;
  Diagnostics &diagnostics_;
  Diagnostic repeated_{};
  std::vector<std::pair<DiagnosticKind, Span>> reported_;
  std::vector<std::pair<std::string_view, Value>> prelude_;
  size_t expansions_ = 0;
};

} // namespace disco::dsl
