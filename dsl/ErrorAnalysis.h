// Running error analysis of one evaluation (SPEC N2, N3): beside the double value of every node, a
// bound on how far a float32 evaluation may be from it, forwards through the values and backwards
// through the adjoints. Reads the memory of the interpreter that has just evaluated.
#pragma once

#include "dsl/ErrorEstimate.h"
#include "dsl/Interpreter.h"

#include <vector>

namespace disco::dsl {

class ErrorAnalysis {
public:
  explicit ErrorAnalysis(const Interpreter &of);

  void forward();
  void backward();
  void report(const Evaluation &evaluation, ErrorBounds &bounds) const;

private:
  using Row = Interpreter::Row;
  using Ranks = std::pair<size_t, size_t>;

  size_t slot(const Row &row, size_t i) const { return size_t(&row[i] - begin_); }
  Estimate at(const Row &row, size_t i) const { return {row[i], errors_[slot(row, i)]}; }
  Estimate value(NodeId id, size_t i) const { return at(of_.value_[id], i); }
  void store(const Row &row, size_t i, double error) { errors_[slot(row, i)] = error; }
  /// The pair that number i of a value of this extent belongs to.
  size_t pairOf(Extent extent, size_t i) const;
  /// What number i of a node reads from one of its operands.
  Estimate operandOf(const Node &node, unsigned operand, size_t i) const;

  double valueError(NodeId id, size_t i);
  bool branches(NodeId id, size_t i, bool uncertain);
  Estimate contribution(NodeId id, unsigned operand, size_t i) const;
  void accumulate(const Row &to, size_t i, const Estimate &passed);

  // Order statistics: ErrorBoundsOrder.cpp.
  std::vector<Estimate> valuesOf(NodeId id) const;
  Ranks ranksOf(NodeId id, size_t pair) const;
  void sortErrors(NodeId id);
  double quantileError(NodeId id);
  double maxError(NodeId id);
  Estimate fromSort(NodeId id, size_t pair) const;
  Estimate fromQuantile(const Estimate &g, NodeId id, size_t pair) const;
  Estimate fromMax(const Estimate &g, NodeId id, size_t pair) const;

  const Interpreter &of_;
  const Program &program_;
  const double *begin_;
  std::vector<size_t> pairOfToken_[2]; // by side
  std::vector<double> errors_;         // of every number in the interpreter's memory
  std::vector<double> magnitudes_; // of adjoints: what has been added up so far, each term positive
  std::vector<bool> near_;
};

} // namespace disco::dsl
