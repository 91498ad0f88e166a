// detach, and what is taken over the pairs of a batch or the tokens of a pair.
#include "dsl/identity/Algebra.h"

#include <algorithm>

namespace disco::dsl {

/// SPEC H8: detach goes through every function down to the inputs: detach(f(x)) = f(detach(x)).
TermId Algebra::retarget(TermId id, bool detached) {
  if (detached && !term(id).hasGradient)
    return id;
  if (detached && term(id).detached != kNoTerm)
    return term(id).detached;
  std::vector<Part> parts;
  for (const Part &part : std::vector<Part>(term(id).parts)) {
    TermId product = number(1);
    for (const Factor &factor : std::vector<Factor>(monomials_[part.monomial].factors))
      product = multiply(product, power(retargetAtom(factor.atom, detached), factor.exponent));
    append(product, part.coefficient, parts);
  }
  const TermId sum = make(std::move(parts));
  if (detached)
    terms_[id].detached = sum;
  return sum;
}

TermId Algebra::retargetAtom(AtomId id, bool detached) {
  const Atom atom = atoms_[id];
  if (opShape(atom.op) == OpShape::Leaf)
    return atom.op == Op::Input ? leaf(atom.op, atom.index, detached) : ofAtom(id);
  if (atom.op == Op::Lt || atom.op == Op::Eq) // conditions are without gradient already
    return ofAtom(id);
  std::array<TermId, 3> x = atom.arguments;
  for (TermId &argument : x)
    if (argument != kNoTerm)
      argument = retarget(argument, detached);
  switch (atom.op) {
  case Op::Exp:
    return exp(x[0]);
  case Op::Log:
    return log(x[0]);
  case Op::Sigmoid:
    return sigmoid(x[0]);
  case Op::Softplus:
    return softplus(x[0]);
  case Op::Pow:
    return pow(x[0], x[1]);
  case Op::Select:
    return select(x[0], x[1], x[2]);
  case Op::BatchSum:
    return batchSum(x[0]);
  case Op::TokenSum:
    return tokenSum(x[0], term(atom.arguments[0]).extent);
  case Op::BatchMax:
  case Op::BatchSort:
  case Op::BatchQuantile:
    return ordered(atom.op, x[0], x[1]);
  default: // Add: a sum that was not multiplied out
    return x[0];
  }
}

/// SPEC H8: sums over pairs or tokens are linear, and what is the same for all summands comes out;
/// the sum of 1 is their number.
TermId Algebra::sumOver(Op op, TermId id, Extent inner, TermId count) {
  const auto varies = [&](Extent extent) {
    return inner == Extent::Pair ? extent != Extent::Batch : isToken(extent);
  };
  std::vector<Part> parts;
  for (const Part &part : std::vector<Part>(term(id).parts)) {
    TermId outside = number(1);
    std::vector<Factor> inside;
    for (const Factor &factor : std::vector<Factor>(monomials_[part.monomial].factors)) {
      const Atom atom = atoms_[factor.atom];
      if (!varies(atom.extent)) {
        outside = multiply(outside, ofAtom(factor.atom, factor.exponent));
      } else if (atom.op == Op::Exp) { // exp(a + b) = exp(a) exp(b), a the same for all
        std::vector<Part> same, other;
        for (const Part &summand : term(atom.arguments[0]).parts)
          (varies(monomials_[summand.monomial].extent) ? other : same).push_back(summand);
        const TermId varying = function(Op::Exp, {make(std::move(other))});
        if (!same.empty())
          outside = multiply(outside, exp(make(std::move(same))));
        inside.push_back({monomials_[term(varying).parts[0].monomial].factors[0].atom, 1});
      } else {
        inside.push_back(factor);
      }
    }
    TermId within = count;
    if (!inside.empty()) {
      std::vector<Part> reduced;
      reduce(std::move(inside), 1, reduced);
      const TermId summand = make(std::move(reduced));
      const Term &value = term(summand);
      const auto *factors =
          value.parts.size() == 1 ? &monomials_[value.parts[0].monomial].factors : nullptr;
      // The order of the summands does not matter: sum(sort(x)) = sum(x).
      const bool sorted = op == Op::BatchSum && factors && factors->size() == 1 &&
                          is((*factors)[0].atom, Op::BatchSort) && (*factors)[0].exponent == 1;
      within = sorted ? scale(batchSum(atoms_[(*factors)[0].atom].arguments[0]),
                              value.parts[0].coefficient)
                      : function(op, {summand});
    }
    append(multiply(outside, within), part.coefficient, parts);
  }
  return make(std::move(parts));
}

TermId Algebra::batchSum(TermId id) {
  return sumOver(Op::BatchSum, id, Extent::Pair,
                 leaf(Op::Input, uint32_t(Input::batch_size), false));
}

TermId Algebra::batchMean(TermId id) {
  return multiply(batchSum(id), power(leaf(Op::Input, uint32_t(Input::batch_size), false), -1));
}

TermId Algebra::tokenSum(TermId id, Extent side) {
  const Input length = side == Extent::ChosenToken ? Input::chosen_length : Input::rejected_length;
  return sumOver(Op::TokenSum, id, side, leaf(Op::Input, uint32_t(length), false));
}

/// SPEC H13: batch_max, batch_sort and batch_quantile of a + c x, with a the same for every pair
/// and c > 0, are a + c that of x.
TermId Algebra::ordered(Op op, TermId id, TermId quantile) {
  std::vector<Part> same, other;
  for (const Part &part : term(id).parts)
    (monomials_[part.monomial].extent == Extent::Batch ? same : other).push_back(part);
  if (other.empty())
    return id;
  TermId factor = number(1);
  if (other.size() == 1) { // a positive factor of the batch
    std::vector<Factor> outside, inside;
    for (const Factor &item : monomials_[other[0].monomial].factors) {
      const Atom &atom = atoms_[item.atom];
      const bool out = atom.extent == Extent::Batch && atom.range.positive();
      (out ? outside : inside).push_back(item);
    }
    factor = product(intern(std::move(outside)));
    other[0].monomial = intern(std::move(inside));
  }
  const TermId rest = make(std::move(other));
  const double size = std::fabs(leadCoefficient(rest));
  const TermId x = scale(rest, 1 / size);
  const TermId made = op == Op::BatchQuantile ? function(op, {x, quantile}) : function(op, {x});
  return add(make(std::move(same)), scale(multiply(factor, made), size));
}

} // namespace disco::dsl
