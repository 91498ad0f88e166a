// exp, log and the logistic functions. SPEC H5: exp(a + c) = e^c exp(a) for a number c; exp(c
// log(x)) = x^c for x > 0; exp(c softplus(x)) = (1 + exp(x))^c. SPEC H6: logarithms of products of
// positive factors, of 1 + exp(x) and of sigmoids. SPEC H7: what sigmoid and softplus are of -x.
#include "dsl/Graph.h"
#include "dsl/identity/Algebra.h"

namespace disco::dsl {

namespace {

/// e^c of a larger c is left inside, so that coefficients stay numbers.
constexpr double kLargestShift = 300;

} // namespace

TermId Algebra::exp(TermId id) {
  if (auto value = asNumber(id); value && std::fabs(*value) <= kLargestShift)
    return number(std::exp(*value));
  TermId factor = number(1);
  std::vector<Part> rest;
  for (const Part &part : std::vector<Part>(term(id).parts)) {
    const std::vector<Factor> &factors = monomials_[part.monomial].factors;
    const bool single = factors.size() == 1 && factors[0].exponent == 1 && part.coefficient != 0;
    const Atom *atom = single ? &atoms_[factors[0].atom] : nullptr;
    if (part.monomial == kOne && std::fabs(part.coefficient) <= kLargestShift)
      factor = scale(factor, std::exp(part.coefficient)); // exp(a + c) = e^c exp(a)
    else if (atom && atom->op == Op::Log && term(atom->arguments[0]).range.positive())
      factor = multiply(factor, power(atom->arguments[0], part.coefficient)); // exp(c log x) = x^c
    else if (atom && atom->op == Op::Softplus) // exp(c softplus(x)) = (1 + exp(x))^c
      factor = multiply(factor, power(add(number(1), exp(atom->arguments[0])), part.coefficient));
    else
      rest.push_back(part);
  }
  if (rest.empty())
    return factor;
  const TermId made = function(Op::Exp, {make(std::move(rest))});
  return asNumber(factor) == 1 ? made : multiply(factor, made);
}

TermId Algebra::log(TermId id) {
  if (auto value = asNumber(id); value && *value > 0)
    return number(std::log(*value));
  const Term &value = term(id);
  if (value.parts.size() == 1 && value.parts[0].coefficient != 0) {
    // log(c x^n y) = log(c) + n log(x) + log(y) for positive c and x; log(exp(x)) = x;
    // log(sigmoid(x)) = -softplus(-x).
    const double c = value.parts[0].coefficient;
    TermId sum = number(std::log(std::fabs(c)));
    std::vector<Factor> rest;
    for (const Factor &factor : std::vector<Factor>(monomials_[value.parts[0].monomial].factors)) {
      const Atom &atom = atoms_[factor.atom];
      if (!atom.range.positive()) {
        rest.push_back(factor);
        continue;
      }
      const TermId argument = atom.arguments[0];
      const std::optional<double> exponent =
          atom.op == Op::Pow ? asNumber(atom.arguments[1]) : std::nullopt;
      const TermId one = atom.op == Op::Exp       ? argument
                         : atom.op == Op::Sigmoid ? scale(softplus(scale(argument, -1)), -1)
                         : exponent               ? scale(log(argument), *exponent)
                         : atom.op == Op::Add     ? log(argument)
                                                  : function(Op::Log, {ofAtom(factor.atom)});
      sum = add(sum, one, factor.exponent);
    }
    if (rest.empty() && c > 0)
      return sum;
    const TermId remainder = scale(product(intern(std::move(rest))), c > 0 ? 1 : -1);
    return add(sum, function(Op::Log, {remainder}));
  }
  // log(f (1 + exp(u))) = log(f) + softplus(u)
  if (const ExpSum sum = asExpSum(id); sum.u != kNoTerm)
    return add(log(sum.factor), softplus(sum.u));
  // log(f (1 - sigmoid(u))) = log(f) - softplus(u)
  if (const ExpSum sum = asSigmoidOfMinus(id); sum.u != kNoTerm)
    return add(log(sum.factor), softplus(sum.u), -1);
  // log(c x) = log(c) + log(x)
  const double size = std::fabs(leadCoefficient(id));
  return add(number(std::log(size)), function(Op::Log, {scale(id, 1 / size)}));
}

// sigmoid(-x) = 1 - sigmoid(x)
TermId Algebra::sigmoid(TermId id) {
  if (auto value = asNumber(id); value && std::fabs(*value) <= kLargestShift)
    return number(*foldedValue(Op::Sigmoid, std::array{*value}));
  if (leadCoefficient(id) < 0)
    return add(number(1), function(Op::Sigmoid, {scale(id, -1)}), -1);
  return function(Op::Sigmoid, {id});
}

// softplus(-x) = softplus(x) - x
TermId Algebra::softplus(TermId id) {
  if (auto value = asNumber(id); value && std::fabs(*value) <= kLargestShift)
    return number(*foldedValue(Op::Softplus, std::array{*value}));
  if (leadCoefficient(id) < 0)
    return add(function(Op::Softplus, {scale(id, -1)}), id);
  return function(Op::Softplus, {id});
}

/// k1 e^a + k2 e^b = k1 e^a (1 + e^u), u = b - a + log(k2 / k1), for positive k.
Algebra::ExpSum Algebra::asExpSum(TermId id) {
  const Term &value = term(id);
  if (value.parts.size() != 2)
    return {};
  const Part first = value.parts[0], second = value.parts[1];
  const auto exponentOf = [&](const Part &part) -> TermId {
    if (part.monomial == kOne)
      return number(0);
    const auto &factors = monomials_[part.monomial].factors;
    return factors.size() == 1 && is(factors[0].atom, Op::Exp)
               ? atoms_[factors[0].atom].arguments[0]
               : kNoTerm;
  };
  const TermId a = exponentOf(first), b = exponentOf(second);
  if (!(first.coefficient > 0 && second.coefficient > 0) || a == kNoTerm || b == kNoTerm)
    return {};
  const TermId shift = number(std::log(second.coefficient / first.coefficient));
  return {make({first}), add(add(b, a, -1), shift)};
}

/// f - f sigmoid(u) = f (1 - sigmoid(u)) for a positive product f.
Algebra::ExpSum Algebra::asSigmoidOfMinus(TermId id) {
  const Term &value = term(id);
  if (value.parts.size() != 2)
    return {};
  for (size_t i : {0, 1}) {
    const Part whole = value.parts[i], part = value.parts[1 - i];
    if (!(whole.coefficient > 0) || !same(part.coefficient, -whole.coefficient) ||
        !monomials_[whole.monomial].range.positive())
      continue;
    for (const Factor &factor : std::vector<Factor>(monomials_[part.monomial].factors))
      if (is(factor.atom, Op::Sigmoid) && multiply(make({whole}), ofAtom(factor.atom)) ==
                                              make({{part.monomial, -part.coefficient}}))
        return {make({whole}), atoms_[factor.atom].arguments[0]};
  }
  return {};
}

} // namespace disco::dsl
