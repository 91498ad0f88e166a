#include "dsl/Safety.h"

#include <optional>

namespace disco::dsl {

namespace {

/// An adjoint as far as it is known without values: a number, or something that differs from pair
/// to pair.
using Adjoint = std::optional<double>;

struct Adjoints {
  explicit Adjoints(size_t count) : known(count, 0.0) {}
  void add(NodeId id, Adjoint contribution) {
    known[id] = known[id] && contribution ? Adjoint(*known[id] + *contribution) : std::nullopt;
  }
  /// One per node; empty is "unknown".
  std::vector<Adjoint> known;
};

Adjoint scaled(Adjoint adjoint, double factor) {
  return adjoint ? Adjoint(*adjoint * factor) : std::nullopt;
}

/// Whether the contribution of an operand can be told from its adjoint at all.
Adjoint contribution(const Program &program, const Node &node, unsigned operand, Adjoint adjoint) {
  const auto constantOf = [&](unsigned i) -> Adjoint {
    const Node &value = program[node.operands[i]];
    return value.op == Op::Constant ? Adjoint(value.constant) : std::nullopt;
  };
  switch (node.op) {
  case Op::Neg:
    return scaled(adjoint, -1);
  case Op::Add:
    return adjoint;
  case Op::Sub:
    return scaled(adjoint, operand == 0 ? 1 : -1);
  case Op::Mul: {
    const Adjoint factor = constantOf(1 - operand);
    if (factor && *factor == 0)
      return 0.0;
    return factor ? scaled(adjoint, *factor) : std::nullopt;
  }
  case Op::Div: {
    const Adjoint numerator = constantOf(0), denominator = constantOf(1);
    if (operand == 1 && numerator && *numerator == 0)
      return 0.0;
    return operand == 0 && denominator ? scaled(adjoint, 1 / *denominator) : std::nullopt;
  }
  case Op::Pow: {
    const Adjoint exponent = constantOf(1);
    if (operand == 1 || (exponent && *exponent == 0))
      return 0.0;
    return exponent && *exponent == 1 ? adjoint : std::nullopt;
  }
  case Op::Detach:
  case Op::Sign:
    return 0.0;
  default:
    return std::nullopt;
  }
}

} // namespace

size_t countOperations(const Program &program) {
  std::vector<bool> flows(program.nodes.size());
  flows[program.loss] = program[program.loss].hasGradient;
  size_t operations = 0;
  for (NodeId id = NodeId(program.nodes.size()); id-- > 0;) {
    const Node &node = program[id];
    operations += opArity(node.op) > 0;
    for (unsigned i = 0; flows[id] && i < opArity(node.op); ++i)
      if (program[node.operands[i]].hasGradient) {
        operations += 2;
        flows[node.operands[i]] = true;
      }
  }
  return operations;
}

bool isDead(const Program &program) {
  Adjoints adjoints(program.nodes.size());
  adjoints.known[program.loss] = 1.0;
  for (NodeId id = program.loss + 1; id-- > 0;) {
    const Node &node = program[id];
    const Adjoint adjoint = adjoints.known[id];
    if (!node.hasGradient || (adjoint && *adjoint == 0))
      continue;
    if (node.op == Op::Input)
      return false;
    for (unsigned i = 0; i < opArity(node.op); ++i)
      if (program[node.operands[i]].hasGradient)
        adjoints.add(node.operands[i], contribution(program, node, i, adjoint));
  }
  return true;
}

} // namespace disco::dsl
