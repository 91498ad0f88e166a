// Truth values and what is chosen by them. A condition is 1 or 0 and has no gradient, so that
// where(c, x, y) = y + c (x - y), and the laws of and, or, not are those of products and sums. What
// happens where u is exactly 0 stays visible, so that relu and max differ, `<` and `<=` differ.
#include "dsl/identity/Algebra.h"

namespace disco::dsl {

/// u = factor (t - threshold), t without constant and of leading coefficient 1.
struct Algebra::Bound {
  TermId t;
  double threshold, factor;
};

Algebra::Bound Algebra::bound(TermId id) {
  const Term &value = term(id);
  double constant = 0;
  for (const Part &part : value.parts)
    if (part.monomial == kOne)
      constant = part.coefficient;
  if (value.parts.size() == 1) { // a positive factor decides nothing
    std::vector<Factor> factors = monomials_[value.parts[0].monomial].factors;
    std::erase_if(factors, [&](const Factor &factor) {
      return atoms_[factor.atom].range.positive() && !atoms_[factor.atom].partial;
    });
    id = make({{intern(std::move(factors)), value.parts[0].coefficient}});
  }
  const double factor = leadCoefficient(id);
  return {scale(add(id, number(constant), -1), 1 / factor), -constant / factor, factor};
}

/// [u > 0]. SPEC H10: depends on u up to a positive factor, and not on whether u is detached; with
/// u = c (t - a) it is [t > a] for c > 0, else 1 - [t > a] - [t = a]. Where u is not defined no
/// comparison holds, so that of a u that may be undefined [-t > -a] is a condition of its own.
TermId Algebra::isPositive(TermId id) {
  id = detach(id);
  const Range range = term(id).range;
  const bool partial = term(id).partial;
  if (!partial && (range.positive() || range.high <= 0))
    return number(range.positive());
  const Bound u = bound(id);
  if (u.factor > 0)
    return condition(Op::Lt, u.t, u.threshold);
  if (partial)
    return condition(Op::Lt, scale(u.t, -1), -u.threshold);
  return add(add(number(1), condition(Op::Lt, u.t, u.threshold), -1),
             condition(Op::Eq, u.t, u.threshold), -1);
}

/// [u = 0], which does not depend on the sign of u either.
TermId Algebra::isZero(TermId id) {
  id = detach(id);
  if (auto value = asNumber(id))
    return number(*value == 0);
  if (term(id).partial) {
    const Bound u = bound(id);
    return condition(Op::Eq, u.t, u.threshold);
  }
  if (term(id).range.nonZero())
    return number(0);
  const TermId positive = isPositive(id), negative = isPositive(scale(id, -1));
  return add(add(number(1), positive, -1), negative, -1);
}

// sign(u) = [u > 0] - [u < 0], defined where u is
TermId Algebra::sign(TermId id) {
  const TermId domain = scale(detach(id), 0);
  return add(add(isPositive(id), isPositive(scale(id, -1)), -1), domain);
}

// SPEC H9: |u| = u sign(u), which has slope 0 at 0; |u| = u for u >= 0 without gradient.
TermId Algebra::abs(TermId id) {
  const Term &value = term(id);
  if (!value.hasGradient && value.range.low >= 0)
    return id;
  return multiply(id, sign(id));
}

// SPEC H9: max(a, b) = (a + b + |a - b|) / 2, which shares the slope at a tie as max does.
TermId Algebra::max(TermId a, TermId b) {
  const TermId result = scale(add(add(a, b), abs(add(a, b, -1))), 0.5);
  // Known of the maximum, and not to be seen from the sum.
  for (TermId operand : {a, b}) {
    const Range &range = term(operand).range;
    Range &known = terms_[result].range;
    if (range.low > known.low) {
      known.low = range.low;
      known.lowOpen = range.lowOpen;
    }
  }
  return result;
}

/// SPEC H11: where(c, x, y) = y + c (x - y) if both arms are defined everywhere; else an arm that
/// is not chosen must not matter, and only where(c, x, x) = x and where(not c, x, y) = where(c, y,
/// x) hold.
TermId Algebra::select(TermId condition, TermId x, TermId y) {
  if (x == y)
    return x;
  if (auto value = asNumber(condition))
    return *value != 0 ? x : y;
  if (!term(x).partial && !term(y).partial)
    return add(y, multiply(condition, add(x, y, -1)));
  const TermId otherwise = add(number(1), condition, -1);
  if (term(otherwise).digest < term(condition).digest)
    return function(Op::Select, {otherwise, y, x});
  return function(Op::Select, {condition, x, y});
}

} // namespace disco::dsl
