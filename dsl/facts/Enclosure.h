// Encloses every value and adjoint of a program over a box of situations: intervals, and beside
// them affine forms, which remember how values depend on the coordinates and on each other's
// errors. With them x - x is 0 and w a + (1 - w) b stays between a and b.
#pragma once

#include "dsl/facts/Domain.h"

#include <span>
#include <vector>

namespace disco::dsl::facts {

class Enclosure {
public:
  using RuleFunction = Interval (*)(Rule rule, const Interval *operands, Precision precision);
  /// The tape and the domain must outlive it. Tests replace the rules to see unsound ones found.
  Enclosure(const Tape &tape, const Domain &domain, Precision precision,
            RuleFunction rules = &apply);

  enum class Method : uint8_t { Intervals, Affine };
  /// Encloses the tape over a box: one range per coordinate.
  void evaluate(std::span<const Interval> box, Method method);

  const Interval &at(Slot slot) const { return ranges_[slot]; }
  /// For one more question about affine forms: whether a + b is 0 wherever in the box.
  bool cancels(Slot a, Slot b) const;
  /// How much each coordinate moves the operands of what is not linear, for choosing where to
  /// split.
  std::vector<double> influences(std::span<const Interval> box) const;
  /// The affine form of a slot: its value is within centre +- sum |terms|. Unknown unless the last
  /// evaluation was affine and the value is finite.
  bool hasForm(Slot slot) const { return known_[slot]; }
  double centreOf(Slot slot) const { return centre_[slot]; }
  /// Terms of the coordinates, then of the slots up to this one.
  std::span<const double> termsOf(Slot slot) const { return {row(slot), used(slot)}; }

private:
  size_t used(Slot slot) const { return coordinates_ + slot + 1; }
  double *row(Slot slot) { return terms_.data() + size_t(slot) * width_; }
  const double *row(Slot slot) const { return terms_.data() + size_t(slot) * width_; }
  double spread(Slot slot) const;

  Interval leafRange(const LeafForm &leaf, std::span<const Interval> box) const;
  void leafForm(Slot slot, const LeafForm &leaf, std::span<const Interval> box);
  void form(Slot slot, const Interval *operands);
  bool linear(Slot slot, Slot a, double factor, const Slot *b, double factorB);
  bool product(Slot slot, Slot a, Slot b);
  bool smooth(Slot slot, Slot a, const Interval *operands);
  bool quotient(Slot slot, Slot a, Slot b);
  void addError(Slot slot, double error);
  void settle(Slot slot, bool exact);
  void fromRange(Slot slot);
  void narrowArms(const Instruction &select, Interval *operands) const;

  const Tape &tape_;
  const Domain &domain_;
  Precision precision_;
  RuleFunction rules_;
  size_t coordinates_, width_;
  std::vector<uint8_t> uniform_; // per slot: the same for every token of a pair
  std::vector<Interval> ranges_;
  std::vector<uint8_t> known_;
  std::vector<double> centre_, terms_, scratch_;
};

} // namespace disco::dsl::facts
