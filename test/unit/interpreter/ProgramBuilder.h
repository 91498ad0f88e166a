// Builds small programs node by node, so that the interpreter is tested without the front end.
#pragma once

#include "dsl/Program.h"

#include <algorithm>
#include <cassert>
#include <initializer_list>

namespace disco::dsl {

class ProgramBuilder {
public:
  NodeId constant(double value) {
    Node node;
    node.op = Op::Constant;
    node.constant = value;
    return add(node);
  }
  NodeId parameter(std::string name, double defaultValue) {
    Node node;
    node.op = Op::Parameter;
    node.index = uint32_t(program_.parameters.size());
    Parameter parameter;
    parameter.name = std::move(name);
    parameter.defaultValue = defaultValue;
    program_.parameters.push_back(parameter);
    return add(node);
  }
  NodeId input(Input input) {
    Node node;
    node.op = Op::Input;
    node.type.extent = inputExtent(input);
    node.hasGradient = inputHasGradient(input);
    node.index = uint32_t(input);
    return add(node);
  }
  NodeId column(std::string name, std::optional<double> defaultValue = {}) {
    Node node;
    node.op = Op::Column;
    node.type.extent = Extent::Pair;
    node.index = uint32_t(program_.columns.size());
    program_.columns.push_back({std::move(name), defaultValue, {}});
    return add(node);
  }
  /// A state whose `next` is given to finish(), in the order of these calls.
  NodeId state(std::string name, NodeId initial) {
    Node node;
    node.op = Op::State;
    node.index = uint32_t(program_.states.size());
    program_.states.push_back({std::move(name), initial, kNoNode, {}});
    return add(node);
  }
  NodeId apply(Op op, std::initializer_list<NodeId> operands) {
    Node node;
    node.op = op;
    std::copy(operands.begin(), operands.end(), node.operands.begin());
    const OpShape shape = opShape(op);
    node.type.kind = shape == OpShape::Compare || shape == OpShape::Logic ? Kind::Bool : Kind::Real;
    for (NodeId operand : operands) {
      node.type.extent = join(node.type.extent, program_[operand].type.extent);
      node.hasGradient |= program_[operand].hasGradient;
    }
    if (shape == OpShape::Reduce)
      node.type.extent = Extent::Batch;
    if (shape == OpShape::TokenReduce)
      node.type.extent = Extent::Pair;
    if (op == Op::Detach || op == Op::Sign || node.type.kind == Kind::Bool)
      node.hasGradient = false;
    return add(node);
  }
  /// chosen minus rejected policy log-probability.
  NodeId policyMargin() {
    return apply(Op::Sub, {input(Input::policy_chosen_logps), input(Input::policy_rejected_logps)});
  }
  const Program &program() const { return program_; }
  /// The program with this loss, and zero rewards.
  Program finish(NodeId loss, std::initializer_list<NodeId> nexts = {}) {
    program_.loss = loss;
    assert(nexts.size() == program_.states.size());
    for (size_t i = 0; i < nexts.size(); ++i)
      program_.states[i].next = nexts.begin()[i];
    program_.chosenReward = program_.rejectedReward = constant(0);
    return program_;
  }

private:
  NodeId add(const Node &node) {
    for (NodeId id = 0; id < program_.nodes.size(); ++id) {
      const Node &seen = program_.nodes[id];
      if (seen.op == node.op && seen.operands == node.operands && seen.constant == node.constant &&
          seen.index == node.index)
        return id;
    }
    program_.nodes.push_back(node);
    return NodeId(program_.nodes.size() - 1);
  }
  Program program_;
};

} // namespace disco::dsl
