// A temperature for objectives that have none. The margin is recognised by what it computes, not by
// how it is written: the nodes that are sums of inputs with the margin's signs.
#include "dsl/Dsl.h"
#include "dsl/Graph.h"
#include "dsl/Limits.h"
#include "dsl/Safety.h"

#include <algorithm>

namespace disco::dsl {

namespace {

/// Coefficients of the four log-probabilities, in the order of Inputs.def.
using Linear = std::array<double, 4>;
constexpr Linear kMargin = {1, -1, -1, 1};
constexpr Linear kPolicyMargin = {1, -1, 0, 0};

/// What a node is as a plain sum of log-probabilities; empty when it is anything else.
std::vector<std::optional<Linear>> linearForms(const Program &program) {
  std::vector<std::optional<Linear>> forms(program.nodes.size());
  for (NodeId id = 0; id < program.nodes.size(); ++id) {
    const Node &node = program[id];
    const auto combine = [&](double left, double right) {
      const auto &a = forms[node.operands[0]];
      const auto &b = forms[opArity(node.op) == 2 ? node.operands[1] : node.operands[0]];
      if (!a || !b)
        return;
      forms[id].emplace();
      for (size_t i = 0; i < forms[id]->size(); ++i)
        (*forms[id])[i] = left * (*a)[i] + right * (*b)[i];
    };
    if (node.op == Op::Input && node.index < forms[id].emplace().size())
      (*forms[id])[node.index] = 1;
    else if (node.op == Op::Input)
      forms[id].reset();
    else if (node.op == Op::Add)
      combine(1, 1);
    else if (node.op == Op::Sub)
      combine(1, -1);
    else if (node.op == Op::Neg)
      combine(-1, 0);
  }
  return forms;
}

} // namespace

std::optional<Program> scaleMargin(const Program &program) {
  const Linear wanted = program.lossNeedsReference() ? kMargin : kPolicyMargin;
  if (program.parameters.size() == Limits::parameters || program.parameterIndex("margin_scale"))
    return std::nullopt;
  std::vector<bool> read(program.nodes.size());
  read[program.loss] = true;
  for (NodeId id = program.loss + 1; id-- > 0;)
    for (unsigned i = 0; read[id] && i < opArity(program[id].op); ++i)
      read[program[id].operands[i]] = true;

  Program scaled = program;
  scaled.parameters.push_back({.name = "margin_scale",
                               .defaultValue = 1,
                               .lower = 1e-6,
                               .upper = 1e6,
                               .logScale = true,
                               .span = {}});
  Graph graph;
  const NodeId scale = graph.parameter(uint32_t(scaled.parameters.size() - 1), {});
  const std::vector<std::optional<Linear>> forms = linearForms(program);
  std::vector<NodeId> copies(program.nodes.size());
  bool found = false;
  for (NodeId id = 0; id < program.nodes.size(); ++id) {
    std::array<NodeId, 3> operands = program[id].operands;
    for (unsigned i = 0; i < opArity(program[id].op); ++i)
      operands[i] = copies[operands[i]];
    copies[id] = graph.copy(program[id], operands);
    if (forms[id] == wanted) {
      copies[id] = graph.apply(Op::Mul, {scale, copies[id]}, program[id].span);
      found |= read[id];
    }
  }
  if (!found || graph.size() > Limits::nodes)
    return std::nullopt;
  scaled.nodes = graph.take();
  renumberResults(scaled, copies);
  removeUnused(scaled);
  if (countOperations(scaled) > Limits::operations)
    return std::nullopt;
  return scaled;
}

} // namespace disco::dsl
