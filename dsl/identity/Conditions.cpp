// Truth values and what is chosen by them. A condition is 1 or 0 and has no gradient, so that
// where(c, x, y) = y + c (x - y), and the laws of and, or, not are those of products and sums. What
// happens where u is exactly 0 stays visible, so that relu and max differ, `<` and `<=` differ.
#include "dsl/identity/Algebra.h"

namespace disco::dsl {

/// [u > 0]. SPEC H10: depends on u up to a positive factor, and not on whether u is detached; with
/// u = c (t - a) and t of leading coefficient 1 it is [t > a] for c > 0, else 1 - [t > a] - [t =
/// a].
TermId Algebra::isPositive(TermId id) {
  id = detach(id);
  const Range range = term(id).range;
  if (range.positive() || range.high <= 0)
    return number(range.positive());
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
  const double c = leadCoefficient(id);
  const TermId t = scale(add(id, number(constant), -1), 1 / c);
  const TermId above = condition(Op::Lt, t, -constant / c);
  if (c > 0)
    return above;
  return add(add(number(1), above, -1), condition(Op::Eq, t, -constant / c), -1);
}

/// [u = 0], which does not depend on the sign of u either.
TermId Algebra::isZero(TermId id) {
  id = detach(id);
  if (auto value = asNumber(id))
    return number(*value == 0);
  if (term(id).range.nonZero())
    return number(0);
  const TermId positive = isPositive(id), negative = isPositive(scale(id, -1));
  return add(add(number(1), positive, -1), negative, -1);
}

// sign(u) = [u > 0] - [u < 0]
TermId Algebra::sign(TermId id) { return add(isPositive(id), isPositive(scale(id, -1)), -1); }

// SPEC H9: |u| = u sign(u), which has slope 0 at 0; |u| = u for u >= 0 without gradient.
TermId Algebra::abs(TermId id) {
  const Term &value = term(id);
  if (!value.hasGradient && value.range.low >= 0)
    return id;
  return multiply(id, sign(id));
}

// SPEC H9: max(a, b) = (a + b + |a - b|) / 2, which shares the slope at a tie as max does.
TermId Algebra::max(TermId a, TermId b) { return scale(add(add(a, b), abs(add(a, b, -1))), 0.5); }

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
