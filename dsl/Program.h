// A checked objective: a typed, shared graph of primitive operations. It is what the checker makes
// and what the interpreter, the hashes and the compiler read. It holds no text, no functions and no
// derived builtins: those are expanded. A Program is always valid; only check() makes one.
#pragma once

#include "dsl/support/Source.h"

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace disco::dsl {

/// How many numbers a value is: one per optimiser step, one per preference pair, or one per
/// completion token of the chosen or of the rejected side (ragged: pairs have different numbers).
enum class Extent : uint8_t { Batch, Pair, ChosenToken, RejectedToken };
constexpr bool isToken(Extent extent) { return extent >= Extent::ChosenToken; }
enum class Kind : uint8_t { Real, Bool };

struct Type {
  Kind kind = Kind::Real;
  Extent extent = Extent::Batch;
  friend bool operator==(const Type &, const Type &) = default;
};

/// The wider of two extents: mixing broadcasts upward. Nothing is wider than both token sides; the
/// checker refuses to mix them.
constexpr Extent join(Extent a, Extent b) { return a > b ? a : b; }

enum class Op : uint8_t {
#define DISCO_OP(NAME, MNEMONIC, ARITY, SHAPE) NAME,
#include "dsl/Ops.def"
};
constexpr size_t kOpCount = 0
#define DISCO_OP(NAME, MNEMONIC, ARITY, SHAPE) +1
#include "dsl/Ops.def"
    ;
enum class OpShape : uint8_t { Leaf, Pointwise, Compare, Logic, Select, Reduce, Sort, TokenReduce };
std::string_view opMnemonic(Op op);
unsigned opArity(Op op);
OpShape opShape(Op op);

enum class Input : uint8_t {
#define DISCO_INPUT(NAME, EXTENT, GRADIENT, UNIT, MEANING) NAME,
#include "dsl/Inputs.def"
};
constexpr size_t kInputCount = 0
#define DISCO_INPUT(NAME, EXTENT, GRADIENT, UNIT, MEANING) +1
#include "dsl/Inputs.def"
    ;
std::string_view inputName(Input input);
std::optional<Input> inputByName(std::string_view name);
Extent inputExtent(Input input);
/// Whether the input depends on the policy and receives a gradient.
bool inputHasGradient(Input input);
/// Whether a reference model is needed to compute the input.
bool inputNeedsReference(Input input);
/// The length of the completion that token values of an extent are of.
Input tokenCountInput(Extent side);

using NodeId = uint32_t;
constexpr NodeId kNoNode = std::numeric_limits<NodeId>::max();

struct Node {
  Op op = Op::Constant;
  Type type;
  /// Whether the value depends on a policy input other than through `detach`.
  bool hasGradient = false;
  /// The first opArity(op) are set.
  std::array<NodeId, 3> operands{kNoNode, kNoNode, kNoNode};
  /// Constant: its value.
  double constant = 0;
  /// Parameter, Column, State: index into that list of the Program. Input: the Input.
  uint32_t index = 0;
  /// Where the author wrote it (first writing, where several share the node).
  Span span;
};

struct Parameter {
  std::string name;
  double defaultValue = 0;
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
  bool lowerOpen = false; // `(lo`: lo itself is outside
  bool upperOpen = false; // `hi)`: hi itself is outside
  bool logScale = false;  // searched on a logarithmic scale; lower > 0
  Span span;
  bool contains(double value) const;
  /// The range as written, e.g. "[0.001, 10]" or "(0, 0.5)".
  std::string rangeText() const;
};

/// One extra number per pair, from the data set's column of that name. No gradient.
struct Column {
  std::string name;
  std::optional<double> defaultValue; // without one a data set that lacks the column is refused
  Span span;
};

/// A number kept from optimiser step to optimiser step. Reading it gives its value before the step.
struct State {
  std::string name;
  NodeId initial = kNoNode; // batch; of numbers and parameters alone
  NodeId next = kNoNode;    // batch; its value after the step, from values before the step
  Span span;
};

struct Metric {
  std::string name;
  NodeId value = kNoNode;
};

/// A number that depends on parameters alone and must lie in a range however they are set: a first
/// value of a state, a level of a quantile, a setting of a used objective.
struct Constraint {
  NodeId value = kNoNode;
  Parameter range; // its name says what is constrained
  /// E.g. "outside [0, 1]", of a value that the range does not contain.
  std::string complaint() const;
};

struct Program {
  std::string name;
  std::vector<Parameter> parameters;
  std::vector<Column> columns;
  std::vector<State> states;
  /// Operands precede users; no two nodes are the same operation on the same operands.
  std::vector<Node> nodes;
  /// Real, pair or batch; the objective is its mean over pairs.
  NodeId loss = kNoNode;
  /// Real. What is logged as rewards/chosen and rewards/rejected; derived where the author gave
  /// none.
  NodeId chosenReward = kNoNode;
  NodeId rejectedReward = kNoNode;
  std::vector<Metric> metrics;
  std::vector<Constraint> constraints;

  const Node &operator[](NodeId id) const { return nodes[id]; }
  std::optional<uint32_t> parameterIndex(std::string_view name) const;
  std::vector<double> defaultParameters() const;
  /// Inputs that the given results (transitively) read, in positional order.
  std::vector<Input> inputsOf(std::span<const NodeId> results) const;
  /// Indices of the columns that the given results read, in order.
  std::vector<uint32_t> columnsOf(std::span<const NodeId> results) const;
  /// Whether the loss or a `next` reads a reference input: if not, training loads no reference
  /// model.
  bool lossNeedsReference() const;

private:
  /// For every node whether the given results (transitively) read it.
  std::vector<bool> readBy(std::span<const NodeId> results) const;
};

} // namespace disco::dsl
