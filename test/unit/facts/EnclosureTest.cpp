// What affine forms add to intervals: values that depend on one another stay tight.
#include "dsl/facts/Enclosure.h"

#include "test/unit/interpreter/ProgramBuilder.h"

#include <gtest/gtest.h>

namespace disco::dsl::facts {
namespace {

/// The range of the loss of a program whose inputs are coordinates: chosen, rejected, and the
/// weight that the reference inputs stand for, each in a given range.
Interval lossRange(const Program &program, std::vector<Interval> box, Enclosure::Method method) {
  const Tape tape(program);
  Domain domain;
  for (const Interval &range : box)
    domain.coordinates.push_back({range});
  for (const TapeLeaf &leaf : tape.leaves()) {
    LeafForm form{.centre = leaf.constant};
    if (leaf.op == Op::Input && leaf.index < box.size())
      form = {.terms = {{leaf.index, 1.0}}};
    else if (leaf.op == Op::Input) // batch_size
      form = {.centre = 1};
    domain.leaves.push_back(form);
  }
  Enclosure enclosure(tape, domain, Precision::Double);
  enclosure.evaluate(box, method);
  return enclosure.at(tape.loss());
}

constexpr auto kAffine = Enclosure::Method::Affine;
constexpr auto kIntervals = Enclosure::Method::Intervals;

TEST(Enclosure, ADifferenceOfEqualSumsIsZero) {
  ProgramBuilder build;
  const NodeId a = build.input(Input::policy_chosen_logps);
  const NodeId b = build.input(Input::policy_rejected_logps);
  const NodeId sum = build.apply(Op::Add, {a, b});
  const Program program = build.finish(build.apply(Op::Add, {sum, build.apply(Op::Neg, {sum})}));
  const std::vector<Interval> box{{-100, 0}, {-50, 7}};
  const Interval difference = lossRange(program, box, kAffine);
  EXPECT_EQ(difference.lo, 0);
  EXPECT_EQ(difference.hi, 0);
  EXPECT_GT(lossRange(program, box, kIntervals).width(), 300);
}

TEST(Enclosure, AMixtureStaysBetweenItsParts) { // w a + (1 - w) b, parts in [10, 11]
  ProgramBuilder build;
  const NodeId a = build.input(Input::policy_chosen_logps);
  const NodeId b = build.input(Input::policy_rejected_logps);
  const NodeId w = build.input(Input::reference_chosen_logps);
  const NodeId rest = build.apply(Op::Sub, {build.constant(1), w});
  const Program program = build.finish(
      build.apply(Op::Add, {build.apply(Op::Mul, {w, a}), build.apply(Op::Mul, {rest, b})}));
  const std::vector<Interval> box{{10, 11}, {10, 11}, {0, 1}};
  const Interval affine = lossRange(program, box, kAffine);
  EXPECT_GE(affine.lo, 9.0);
  EXPECT_LE(affine.hi, 12.0);
  EXPECT_LE(lossRange(program, box, kIntervals).lo, 0.1);
}

TEST(Enclosure, NarrowBoxesGiveQuadraticallyNarrowErrors) {
  // softplus(x) - x / 2 is even, so its slope at 0 is 0: the range over +-h shrinks like h^2.
  ProgramBuilder build;
  const NodeId x = build.input(Input::policy_chosen_logps);
  const Program program = build.finish(build.apply(
      Op::Sub, {build.apply(Op::Softplus, {x}), build.apply(Op::Mul, {x, build.constant(0.5)})}));
  const double wide = lossRange(program, {{-0.02, 0.02}}, kAffine).width();
  const double narrow = lossRange(program, {{-0.01, 0.01}}, kAffine).width();
  EXPECT_LT(narrow, 0.3 * wide);
}

TEST(Enclosure, ASquareIsNotNegative) {
  ProgramBuilder build;
  const NodeId x = build.input(Input::policy_chosen_logps);
  const Program program = build.finish(build.apply(Op::Mul, {x, x}));
  EXPECT_EQ(lossRange(program, {{-3, 2}}, kIntervals).lo, 0);
}

} // namespace
} // namespace disco::dsl::facts
