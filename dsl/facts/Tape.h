// A program's value and reverse sweep written out as one list of operations, in the order and with
// the roundings of the interpreter (SPEC N5, N6), so that one pass of interval arithmetic covers
// both.
#pragma once

#include "dsl/Program.h"
#include "dsl/facts/Rules.h"

#include <map>
#include <vector>

namespace disco::dsl::facts {

using Slot = uint32_t;
constexpr Slot kNoSlot = kNoNode;

struct Instruction {
  Rule rule = Rule::Leaf;
  std::array<Slot, 3> operands{kNoSlot, kNoSlot, kNoSlot};
  Extent extent = Extent::Batch;
  uint32_t leaf = 0; // Rule::Leaf: index into Tape::leaves
  friend auto operator<=>(const Instruction &, const Instruction &) = default;
};

/// What a leaf stands for: a Constant, Parameter, Input, Column or State of the program.
struct TapeLeaf {
  Op op = Op::Constant;
  uint32_t index = 0;
  double constant = 0;
  friend auto operator<=>(const TapeLeaf &, const TapeLeaf &) = default;
};

class Tape {
public:
  /// Of the loss, its reverse sweep and every `next`.
  explicit Tape(const Program &program);

  /// Operands precede users.
  const std::vector<Instruction> &instructions() const { return instructions_; }
  const std::vector<TapeLeaf> &leaves() const { return leaves_; }
  /// Per node of the program: where its value and its adjoint stand, if anywhere.
  Slot valueOf(NodeId id) const { return values_[id]; }
  Slot adjointOf(NodeId id) const { return adjoints_[id]; }
  Slot loss() const { return loss_; }
  /// d mean loss / d input, in the input's extent; kNoSlot where nothing flows.
  Slot gradientOf(Input input) const { return gradients_[size_t(input)]; }
  /// d loss / d margin of one pair on the margin line (MarginLine.h): each policy input moves by
  /// half the margin, rejected ones down, a sum of log-probabilities together with its tokens. Adds
  /// what it needs to the tape.
  Slot addMarginSlope();
  /// Value slots of a branch: a `where` or a `sign`, at which the loss may jump.
  const std::vector<Slot> &branches() const { return branches_; }

private:
  Slot add(Rule rule, std::initializer_list<Slot> operands, Extent extent);
  Slot addLeaf(TapeLeaf leaf, Extent extent);
  Slot input(Input input) { return addLeaf({Op::Input, uint32_t(input), 0}, inputExtent(input)); }
  Slot constant(double value) { return addLeaf({Op::Constant, 0, value}, Extent::Batch); }
  Slot tokens(Extent side) {
    return input(side == Extent::ChosenToken ? Input::chosen_length : Input::rejected_length);
  }
  Slot addValue(const Program &program, NodeId id);
  void addPulls(const Program &program, NodeId id);
  void pull(const Program &program, NodeId id, unsigned operand, Slot contribution);

  std::vector<Instruction> instructions_;
  std::vector<TapeLeaf> leaves_;
  std::map<Instruction, Slot> seen_;
  std::map<TapeLeaf, Slot> seenLeaves_;
  std::vector<Slot> values_, adjoints_, branches_;
  std::array<Slot, kInputCount> gradients_{};
  Slot loss_ = kNoSlot;
};

} // namespace disco::dsl::facts
