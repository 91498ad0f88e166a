#include "dsl/Constants.h"

#include "dsl/Dsl.h"
#include "dsl/Graph.h"

#include <cassert>

namespace disco::dsl {

namespace {

double valueOf(const Program &program, const Node &node, std::span<const double> parameters,
               const std::array<double, 3> &operands) {
  const auto [a, b, c] = operands;
  switch (node.op) {
  case Op::Constant:
    return node.constant;
  case Op::Parameter:
    return parameters[node.index];
  case Op::Lt:
    return a < b;
  case Op::Le:
    return a <= b;
  case Op::Eq:
    return a == b;
  case Op::Ne:
    return a != b;
  case Op::And:
    return a != 0 && b != 0;
  case Op::Or:
    return a != 0 || b != 0;
  case Op::Not:
    return a == 0;
  case Op::Select:
    return a != 0 ? b : c;
  default:
    const std::optional<double> value =
        foldedValue(node.op, std::span(operands).first(opArity(node.op)));
    assert(value && "reads more than numbers and parameters");
    return *value;
  }
}

} // namespace

double constantValue(const Program &program, NodeId root, std::span<const double> parameters) {
  std::vector<bool> read(root + 1);
  read[root] = true;
  for (NodeId id = root + 1; id-- > 0;)
    for (unsigned i = 0; read[id] && i < opArity(program[id].op); ++i)
      read[program[id].operands[i]] = true;
  std::vector<double> values(root + 1);
  for (NodeId id = 0; id <= root; ++id) {
    if (!read[id])
      continue;
    std::array<double, 3> operands{};
    for (unsigned i = 0; i < opArity(program[id].op); ++i)
      operands[i] = values[program[id].operands[i]];
    values[id] = valueOf(program, program[id], parameters, operands);
  }
  return values[root];
}

std::vector<double> initialStates(const Program &program, std::span<const double> parameters) {
  std::vector<double> values;
  for (const State &state : program.states)
    values.push_back(constantValue(program, state.initial, parameters));
  return values;
}

} // namespace disco::dsl
