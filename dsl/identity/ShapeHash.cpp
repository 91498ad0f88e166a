// SPEC H15: a loss up to the units of its value and of its log-probabilities. A unit is chosen by
// the loss itself: each candidate makes some coefficient 1, changing the unit changes all
// candidates alike, and the one whose normal form has the least digest is taken.
#include "dsl/identity/NormalForm.h"

#include <algorithm>
#include <map>
#include <set>

namespace disco::dsl {

namespace {

/// What the log-probabilities' unit shows in: for each part of a sum, the coefficient and how often
/// log-probabilities are factors of it.
class Units {
public:
  explicit Units(const Algebra &algebra) : algebra_(algebra) {}

  /// Units in which the largest coefficient of some degree in some sum becomes 1, or two of a sum
  /// equal; least first. Changing the unit of the loss changes all of these alike.
  std::vector<double> candidates(TermId value) {
    look(value, true);
    std::sort(found_.begin(), found_.end());
    found_.erase(std::unique(found_.begin(), found_.end(), same), found_.end());
    constexpr size_t kMost = 8; // each is a normal form of its own
    if (found_.size() > kMost)
      found_.resize(kMost);
    return found_;
  }

private:
  void look(TermId id, bool anyScale, double threshold = 0) {
    if (!seen_.insert({id, threshold}).second)
      return;
    std::map<double, double> sizes; // of each degree the largest coefficient
    const auto note = [&](double degree, double coefficient) {
      if (coefficient != 0)
        sizes[degree] = std::max(sizes[degree], std::fabs(coefficient));
    };
    note(0, threshold);
    for (const Part &part : algebra_.term(id).parts)
      note(degree(part.monomial), part.coefficient);
    for (auto i = sizes.begin(); i != sizes.end(); ++i) {
      if (!anyScale && i->first != 0)
        offer(i->second, i->first);
      for (auto j = sizes.begin(); j != i; ++j)
        offer(i->second / j->second, i->first - j->first);
    }
    for (const Part &part : algebra_.term(id).parts)
      for (const Factor &factor : algebra_.monomial(part.monomial).factors) {
        const Atom &atom = algebra_.atom(factor.atom);
        const bool logistic =
            atom.op == Op::Exp || atom.op == Op::Sigmoid || atom.op == Op::Softplus;
        for (TermId argument : atom.arguments)
          if (argument != kNoTerm)
            look(argument, !logistic, atom.threshold);
      }
  }

  /// The unit u with coefficient u^degree = 1.
  void offer(double coefficient, double degree) {
    const double unit = std::pow(coefficient, -1 / degree);
    if (std::isfinite(unit) && unit > 1e-100 && unit < 1e100)
      found_.push_back(unit);
  }

  double degree(MonomialId id) const {
    double sum = 0;
    for (const Factor &factor : algebra_.monomial(id).factors)
      sum += factor.exponent * degreeOf(algebra_.atom(factor.atom));
    return sum;
  }
  double degreeOf(const Atom &atom) const {
    switch (atom.op) {
    case Op::Input:
      return isLogProbability(Input(atom.index)) ? 1 : 0;
    case Op::BatchSum:
    case Op::TokenSum:
    case Op::BatchMax:
    case Op::BatchSort:
    case Op::BatchQuantile:
    case Op::Add:
      return commonDegree(atom.arguments[0]);
    case Op::Pow: {
      const std::optional<double> exponent = algebra_.asNumber(atom.arguments[1]);
      return exponent ? *exponent * commonDegree(atom.arguments[0]) : 0;
    }
    default:
      return 0;
    }
  }
  /// The degree of all parts; 0 if they differ.
  double commonDegree(TermId id) const {
    std::optional<double> common;
    for (const Part &part : algebra_.term(id).parts) {
      const double own = degree(part.monomial);
      if (common && *common != own)
        return 0;
      common = own;
    }
    return common.value_or(0);
  }

  const Algebra &algebra_;
  std::set<std::pair<TermId, double>> seen_; // with the threshold
  std::vector<double> found_;
};

/// Without what has no gradient, and divided by the size of the leading part.
Digest shapeIn(double unit, const Program &program, std::span<const double> parameters,
               std::vector<double> *units) {
  LossForm form(program, parameters, unit);
  Algebra &algebra = form.algebra;
  std::vector<Part> parts;
  for (const Part &part : algebra.term(form.value).parts)
    if (algebra.monomial(part.monomial).hasGradient)
      parts.push_back(part);
  const TermId kept = algebra.make(std::move(parts));
  const auto &left = algebra.term(kept).parts;
  const double size = left.empty() || left[0].coefficient == 0 ? 1 : left[0].coefficient;
  const TermId shape = algebra.scale(kept, 1 / std::fabs(size));
  if (units)
    *units = Units(algebra).candidates(shape);
  return form.digest(shape);
}

} // namespace

Digest shapeDigest(const Program &program, std::span<const double> parameters) {
  try {
    std::vector<double> units;
    Digest least = shapeIn(1, program, parameters, &units);
    // Without units the loss is a product of powers, and the unit a factor of the whole.
    for (size_t i = 0; i < units.size(); ++i) {
      const Digest digest = shapeIn(units[i], program, parameters, nullptr);
      least = i == 0 ? digest : std::min(least, digest);
    }
    return least;
  } catch (const Algebra::GiveUp &) {
    return exactDigest(program, parameters);
  }
}

} // namespace disco::dsl
