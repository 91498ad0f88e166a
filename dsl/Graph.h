// Makes the nodes of a Program: types follow from operands, equal nodes are shared, arithmetic on
// numbers is done at once. It checks nothing; the checker does before it asks for a node.
#pragma once

#include "dsl/Program.h"

#include <initializer_list>

namespace disco::dsl {

/// The value of a primitive on numbers, in double; empty where it is not a real function of reals.
std::optional<double> foldedValue(Op op, std::span<const double> operands);

class Graph {
public:
  NodeId constant(double value, Span span);
  NodeId parameter(uint32_t index, Span span);
  NodeId input(Input input, Span span);
  NodeId column(uint32_t index, Span span);
  NodeId state(uint32_t index, Span span);
  /// A number when all operands are numbers. Operands have the kinds that the operation takes.
  NodeId apply(Op op, std::span<const NodeId> operands, Span span);
  NodeId apply(Op op, std::initializer_list<NodeId> operands, Span span) {
    return apply(op, std::span(operands.begin(), operands.size()), span);
  }
  /// Adds a copy of a node of another program with these operands.
  NodeId copy(Node node, const std::array<NodeId, 3> &operands);

  const Node &operator[](NodeId id) const { return nodes_[id]; }
  size_t size() const { return nodes_.size(); }
  /// The nodes; the graph is empty afterwards.
  std::vector<Node> take() { return std::move(nodes_); }

private:
  NodeId share(const Node &node);
  std::vector<Node> nodes_;
};

/// Drops nodes, states and columns that no result needs. Keeps the order of the others.
void removeUnused(Program &program);

/// Points the results at what their nodes became.
void renumberResults(Program &program, std::span<const NodeId> nodes);

} // namespace disco::dsl
