// An objective as a typed expression graph that the grammar proposer can take apart and put
// together. It is made from a checked Program or by generation, and leaves as `.dpo` text, which
// goes the way of every other text: parse and check.
#pragma once

#include "dsl/Program.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace disco::search {

/// What can be applied to operands: every primitive operation and every derived builtin of the
/// language but those of tokens and of order, from its own lists, so that a builtin added there is
/// reached here.
struct Form {
  enum class Shape : uint8_t {
    Pointwise, // real operands, real result of the joined extent
    Power,     // real base; the exponent carries no gradient
    Compare,   // real operands, bool result
    Logic,     // bool operands, bool result
    Select,    // bool condition, two real arms
    Reduce,    // real pair operand, real batch result
  };
  std::string name;  // as called; operators by the name of their operation
  std::string infix; // operator text, empty for a call
  unsigned arity = 1;
  Shape shape = Shape::Pointwise;
};
std::span<const Form> forms();
/// Null where no form has that name.
const Form *findForm(std::string_view name);
/// The form of that name; it must exist.
const Form &form(std::string_view name);

struct Expression;
/// Shared and immutable: changing an expression makes new nodes from the change up to the root.
using ExpressionRef = std::shared_ptr<const Expression>;

struct Expression {
  enum class Sort : uint8_t { Number, Name, Application };
  Sort sort = Sort::Number;
  double number = 0;          // Number
  std::string name;           // Name: an input, a prelude name or a parameter
  const Form *form = nullptr; // Application
  std::vector<ExpressionRef> operands;
  dsl::Type type;
};

ExpressionRef makeNumber(double value);
ExpressionRef makeName(std::string name, dsl::Extent extent);
/// Operands fit the form.
ExpressionRef makeApplication(const Form &form, std::vector<ExpressionRef> operands);

/// Every node once, operands before users.
std::vector<ExpressionRef> nodesOf(const ExpressionRef &root);
/// The graph with `target`, wherever it occurs, replaced.
ExpressionRef replaceNode(const ExpressionRef &root, const Expression *target,
                          const ExpressionRef &replacement);

struct Genome {
  std::vector<dsl::Parameter> parameters; // those that nothing reads are not printed
  ExpressionRef loss;
};

/// Rewards and metrics are left behind: they do not train. Nothing for a program that reads what no
/// form has: columns, state, tokens, progress, the order of pairs.
std::optional<Genome> genomeOf(const dsl::Program &program);

/// `.dpo` text; nodes used more than once become bindings.
std::string printGenome(const Genome &genome, const std::string &name);

} // namespace disco::search
