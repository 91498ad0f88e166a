// Random boxes of situations, points in them, and whether what the interpreter computes there lies
// in the enclosure: every node's value and adjoint, as interval and as affine form.
#pragma once

#include "dsl/facts/Boxes.h"
#include "dsl/facts/Enclosure.h"
#include "test/unit/interpreter/RandomProgram.h"

#include <optional>
#include <string>

namespace disco::dsl {

/// Reads the interpreter's own numbers of a node.
class InterpreterProbe {
public:
  static size_t size(const Interpreter &of, NodeId id) { return of.sizeOf(id); }
  static double value(const Interpreter &of, NodeId id, size_t i) { return of.value_[id][i]; }
  static bool hasAdjoint(const Interpreter &of, NodeId id) { return of.hasAdjoint_[id]; }
  static double adjoint(const Interpreter &of, NodeId id, size_t i) { return of.adjoint_[id][i]; }
};

namespace facts {

/// A program over all operations, every extent and leaf; the same seed gives the same one
/// everywhere.
Program randomTypedProgram(uint64_t seed, size_t operations);

class Containment {
public:
  Containment(const Program &program, uint64_t seed, Enclosure::RuleFunction rules = &facts::apply);

  /// Encloses one random box, evaluates `pairs` random pairs in it and compares; a description of
  /// the first number outside, if any.
  std::optional<std::string> tryBox(size_t pairs, Precision precision, Enclosure::Method method);

  /// Pairs that were evaluated and compared so far.
  size_t points() const { return points_; }

private:
  struct Points; // a batch and the coordinates of its pairs and tokens

  Interval randomRange(size_t coordinate, size_t pairs, double scale);
  bool fill(Points &points, std::span<const Interval> box, size_t pairs, double scale);
  std::optional<std::string> compare(const Points &points, const Enclosure &enclosure,
                                     std::span<const Interval> box);
  double draw(const Interval &range, double grid);

  const Program &program_;
  TestRandom random_;
  Enclosure::RuleFunction rules_;
  std::vector<double> parameters_;
  Tape tape_;
  Interpreter interpreter_;
  std::vector<bool> read_; // by the loss
  BoxDomain made_;
  Evaluation out_;
  size_t points_ = 0;
};

} // namespace facts
} // namespace disco::dsl
