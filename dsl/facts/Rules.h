// What each operation of a value or an adjoint does to intervals: one table, one row an operation.
// A row is sound when its interval holds every result of the operation on members of its operands.
#pragma once

#include "dsl/facts/Interval.h"

#include <cstdint>
#include <string_view>

namespace disco::dsl::facts {

/// Operations of a tape (Tape.h). The first group are those of Ops.def that work element by
/// element.
enum class Rule : uint8_t {
#define DISCO_RULE(NAME, ARITY, FORM) NAME,
#include "dsl/facts/Rules.def"
};
constexpr size_t kRuleCount = 0
#define DISCO_RULE(NAME, ARITY, FORM) +1
#include "dsl/facts/Rules.def"
    ;

/// How an affine form (Affine.h) passes through a rule.
enum class Form : uint8_t {
  Leaf,     // given from outside
  Linear,   // x, -x, x + y or x - y
  Product,  // x * y
  Quotient, // x / y
  Smooth,   // f(x) with the slope that slopeOf gives; other operands are points
  Choice,   // one of the operands where it is known which, else unknown
  Total,    // a sum of equal or of different terms
  Opaque,   // no linear dependence is kept
};

std::string_view ruleName(Rule rule);
unsigned ruleArity(Rule rule);
Form ruleForm(Rule rule);

/// The results of the rule on members of its operands `x`, before rounding to the precision where
/// the operation rounds (which `rounded` adds); intermediate roundings of a composite rule are
/// included.
Interval apply(Rule rule, const Interval *x, Precision precision);
/// For Form::Smooth: the derivatives in the first operand over its interval, in real numbers; not
/// finite where there is no bound.
Interval slopeOf(Rule rule, const Interval *x);
/// For Form::Choice: the index of the operand that the result equals on all members; -1 when it is
/// not the same for all, -2 when the result is 0.
int chosenOperand(Rule rule, const Interval *x);

} // namespace disco::dsl::facts
