// Products and powers. SPEC H3: multiplication commutes, associates and distributes; powers of one
// base join where both are defined wherever the product is: exponents of one sign, or a base that
// is never 0. SPEC H4: powers of products and of powers, where they are real identities.
#include "dsl/identity/Algebra.h"

#include <algorithm>

namespace disco::dsl {

namespace {

/// Products of sums with more parts than this are not multiplied out.
constexpr size_t kMostProducts = 400;
constexpr double kMostRepeats = 6;      // of a sum with itself
constexpr size_t kMostSquareParts = 21; // of a sum whose root is looked for

} // namespace

TermId Algebra::multiply(TermId a, TermId b) {
  if (auto value = asNumber(a))
    return scale(b, *value);
  if (auto value = asNumber(b))
    return scale(a, *value);
  const Term &left = term(a), &right = term(b);
  if (left.parts.size() * right.parts.size() > kMostProducts) {
    a = left.parts.size() > 1 ? unexpanded(a, 1) : a;
    b = right.parts.size() > 1 ? unexpanded(b, 1) : b;
    return multiply(a, b);
  }
  std::vector<Part> out;
  std::vector<Factor> factors;
  for (const Part &x : left.parts)
    for (const Part &y : right.parts) {
      factors = monomials_[x.monomial].factors;
      const auto &more = monomials_[y.monomial].factors;
      factors.insert(factors.end(), more.begin(), more.end());
      reduce(std::move(factors), x.coefficient * y.coefficient, out);
    }
  return make(std::move(out));
}

/// The product of these factors, as parts of a sum: coefficient times the reduced product.
void Algebra::reduce(std::vector<Factor> factors, double coefficient, std::vector<Part> &out) {
  work_ += factors.size();
  const auto before = [&](const Factor &a, const Factor &b) {
    const auto order = atoms_[a.atom].digest <=> atoms_[b.atom].digest;
    return order != 0 ? order < 0 : a.exponent < 0 && b.exponent > 0;
  };
  std::sort(factors.begin(), factors.end(), before);
  std::vector<Factor> joined;
  for (const Factor &factor : factors) {
    Factor *last = joined.empty() ? nullptr : &joined.back();
    if (last && last->atom == factor.atom &&
        (atoms_[factor.atom].range.nonZero() || (last->exponent < 0) == (factor.exponent < 0)))
      last->exponent += factor.exponent; // x^a x^b = x^(a+b)
    else
      joined.push_back(factor);
  }
  std::erase_if(joined, [](const Factor &factor) { return std::fabs(factor.exponent) < 1e-12; });
  if (!joinConditions(joined))
    coefficient = 0;
  if (reduceExponentials(joined, coefficient, out) || reduceAtZero(joined, coefficient, out))
    return;
  out.push_back({intern(std::move(joined)), coefficient});
}

void Algebra::reduceWith(const std::vector<Factor> &factors, TermId value, double coefficient,
                         std::vector<Part> &out) {
  for (const Part &part : std::vector<Part>(term(value).parts)) {
    std::vector<Factor> all = factors;
    const auto &more = monomials_[part.monomial].factors;
    all.insert(all.end(), more.begin(), more.end());
    reduce(std::move(all), coefficient * part.coefficient, out);
  }
}

/// SPEC H10, for truth values of one term t: [t > a][t > b] = [t > max(a, b)]; [t > a][t = b] is [t
/// = b] if b > a, else 0; [t = a][t = b] = 0 for a != b; all are their own squares. False: it is 0.
bool Algebra::joinConditions(std::vector<Factor> &factors) {
  bool possible = true;
  for (size_t i = 0; i < factors.size(); ++i) {
    const Atom &a = atoms_[factors[i].atom];
    if ((a.op != Op::Lt && a.op != Op::Eq) || factors[i].exponent < 0)
      continue;
    factors[i].exponent = 1;
    for (size_t j = i + 1; j < factors.size();) {
      const Atom &x = atoms_[factors[i].atom], &y = atoms_[factors[j].atom];
      if ((y.op != Op::Lt && y.op != Op::Eq) || factors[j].exponent < 0 ||
          x.arguments[0] != y.arguments[0]) {
        ++j;
        continue;
      }
      bool keepFirst = x.threshold >= y.threshold;
      if (x.op != y.op) {
        const Atom &above = x.op == Op::Lt ? x : y, &equal = x.op == Op::Lt ? y : x;
        possible &= equal.threshold > above.threshold;
        keepFirst = x.op == Op::Eq;
      } else if (x.op == Op::Eq)
        possible = false;
      if (!keepFirst)
        factors[i].atom = factors[j].atom;
      factors.erase(factors.begin() + std::ptrdiff_t(j));
    }
  }
  std::sort(factors.begin(), factors.end(), [&](const Factor &a, const Factor &b) {
    const auto order = atoms_[a.atom].digest <=> atoms_[b.atom].digest;
    return order != 0 ? order < 0 : a.exponent < b.exponent;
  });
  return possible;
}

/// exp(a) exp(b) = exp(a + b). From sigmoid(x) (1 + exp(-x)) = 1: exp(-x) sigmoid(x) = 1 -
/// sigmoid(x) and exp(x) sigmoid(x) = exp(x) - sigmoid(x), for as many x as the exponent holds.
bool Algebra::reduceExponentials(std::vector<Factor> &factors, double coefficient,
                                 std::vector<Part> &out) {
  size_t count = 0;
  bool simple = true;
  for (const Factor &factor : factors)
    if (is(factor.atom, Op::Exp)) {
      ++count;
      simple &= factor.exponent == 1;
    }
  if (count == 0)
    return false;
  if (count > 1 || !simple) {
    TermId exponent = number(0);
    std::vector<Factor> rest;
    for (const Factor &factor : factors)
      if (is(factor.atom, Op::Exp))
        exponent = add(exponent, atoms_[factor.atom].arguments[0], factor.exponent);
      else
        rest.push_back(factor);
    reduceWith(rest, exp(exponent), coefficient, out);
    return true;
  }
  const auto at = std::find_if(factors.begin(), factors.end(),
                               [&](const Factor &factor) { return is(factor.atom, Op::Exp); });
  const TermId exponent = atoms_[at->atom].arguments[0];
  for (const Factor &factor : factors) {
    if (!is(factor.atom, Op::Sigmoid) || factor.exponent < 1)
      continue;
    const TermId x = atoms_[factor.atom].arguments[0];
    const Part *head = lead(x);
    if (!head)
      continue;
    double times = 0;
    for (const Part &part : term(exponent).parts)
      if (part.monomial == head->monomial)
        times = part.coefficient / head->coefficient;
    constexpr double kAlmostOne = 1 - 1e-9;
    if (std::fabs(times) < kAlmostOne)
      continue;
    std::vector<Factor> without; // this sigmoid once less, and no exponential
    for (const Factor &other : factors) {
      if (is(other.atom, Op::Exp))
        continue;
      const double left = other.atom == factor.atom ? other.exponent - 1 : other.exponent;
      if (left > 0 || other.atom != factor.atom)
        without.push_back({other.atom, left});
    }
    std::vector<Factor> with = without;
    with.push_back({factor.atom, 1});
    const TermId moved = exp(add(exponent, x, times > 0 ? -1 : 1));
    // times > 0: exp(e) s = exp(e) - exp(e - x) s; else exp(e) s = exp(e + x) (1 - s)
    reduceWith(without, times > 0 ? exp(exponent) : moved, coefficient, out);
    reduceWith(with, moved, -coefficient, out);
    return true;
  }
  return false;
}

/// SPEC H9: where u = 0, u times anything without gradient is 0, and so are value and slope of u^2.
/// So beside [u = 0], u = p + r with a leaf p: p = -r if p is detached, p^2 = -2 p r - r^2. Not for
/// an r that may be undefined, where p is not.
bool Algebra::reduceAtZero(std::vector<Factor> &factors, double coefficient,
                           std::vector<Part> &out) {
  for (const Factor &condition : factors) {
    const Atom &zero = atoms_[condition.atom];
    if (zero.op != Op::Eq || condition.exponent != 1 || term(zero.arguments[0]).partial)
      continue;
    // The pivot p: a leaf that stands once in u, alone, with gradient (before detaching) if it can.
    const Term &t = term(zero.arguments[0]);
    const Part *pivot = nullptr;
    for (const Part &part : t.parts) {
      const auto &own = monomials_[part.monomial].factors;
      if (own.size() != 1 || own[0].exponent != 1 || part.coefficient == 0)
        continue;
      const Atom &leaf = atoms_[own[0].atom];
      const bool isLeaf = opShape(leaf.op) == OpShape::Leaf;
      size_t uses = 0;
      for (const Part &other : t.parts)
        for (const Factor &factor : monomials_[other.monomial].factors)
          uses += factor.atom == own[0].atom;
      if (isLeaf && uses == 1 && (!pivot || leaf.detached)) {
        pivot = &part;
        if (leaf.detached)
          break;
      }
    }
    if (!pivot)
      continue;
    const AtomId still = monomials_[pivot->monomial].factors[0].atom; // without gradient
    const Atom leafAtom = atoms_[still];
    const TermId moving = leaf(leafAtom.op, leafAtom.index, false);
    for (size_t i = 0; i < factors.size(); ++i) {
      const bool detachedPivot = factors[i].atom == still && factors[i].exponent >= 1;
      const bool squaredPivot =
          leafAtom.detached && factors[i].exponent >= 2 && ofAtom(factors[i].atom) == moving;
      if (!detachedPivot && !squaredPivot)
        continue;
      // r = (t - threshold) / coefficient - p
      const TermId whole =
          scale(add(zero.arguments[0], number(zero.threshold), -1), 1 / pivot->coefficient);
      const TermId r = add(whole, ofAtom(still), -1);
      std::vector<Factor> rest = factors;
      if (detachedPivot) {
        rest[i].exponent -= 1;
        std::erase_if(rest, [](const Factor &factor) { return factor.exponent == 0; });
        reduceWith(rest, r, -coefficient, out);
      } else {
        const TermId movingR = retarget(r, false);
        rest[i].exponent -= 2;
        std::erase_if(rest, [](const Factor &factor) { return factor.exponent == 0; });
        reduceWith(rest, multiply(moving, movingR), -2 * coefficient, out);
        reduceWith(rest, multiply(movingR, movingR), -coefficient, out);
      }
      return true;
    }
  }
  return false;
}

/// A sum as a factor that is not multiplied out, its leading coefficient taken out: (c x)^n = c^n
/// x^n for whole n.
TermId Algebra::unexpanded(TermId id, double exponent) {
  const double c = leadCoefficient(id);
  const TermId whole = function(Op::Add, {scale(id, 1 / c)});
  const AtomId atom = monomials_[term(whole).parts[0].monomial].factors[0].atom;
  return scale(ofAtom(atom, exponent), std::pow(c, exponent));
}

/// (c x^a y^b)^p = c^p x^(a p) y^(b p) for whole p, and for positive c, x, y; (x^2n)^p = |x|^(2 n
/// p).
TermId Algebra::powerOfProduct(MonomialId id, double coefficient, double exponent) {
  const std::vector<Factor> factors = monomials_[id].factors;
  const bool whole = isWhole(exponent);
  TermId result =
      number(whole ? std::pow(coefficient, exponent) : std::pow(std::fabs(coefficient), exponent));
  std::vector<Factor> kept, rest;
  for (const Factor &factor : factors) {
    const Atom &atom = atoms_[factor.atom];
    const double raised = factor.exponent * exponent;
    if (atom.op == Op::Exp)
      result = multiply(result, exp(scale(atom.arguments[0], raised)));
    else if (atom.op == Op::Sigmoid && raised < 0 &&
             isWhole(raised)) // 1 / sigmoid(x) = 1 + exp(-x)
      result = multiply(result, power(add(number(1), exp(scale(atom.arguments[0], -1))), -raised));
    else if (atom.range.positive() || (whole && (exponent > 0 || factor.exponent > 0)))
      kept.push_back({factor.atom, raised});
    else
      rest.push_back(factor);
  }
  std::vector<Part> out;
  reduce(std::move(kept), 1, out);
  result = multiply(result, make(std::move(out)));
  if (rest.empty() && (whole || coefficient > 0))
    return result;
  const bool even = rest.size() == 1 && rest[0].exponent > 0 && isWhole(rest[0].exponent / 2);
  if (!whole && coefficient > 0 && even && isWhole(rest[0].exponent * exponent) && exponent > 0)
    return multiply(result, power(abs(ofAtom(rest[0].atom)), rest[0].exponent * exponent));
  const TermId base = scale(product(intern(rest)), whole || coefficient > 0 ? 1 : -1);
  if (whole) // 1 / (1 / x) is not x at 0
    return multiply(result, unexpanded(base, exponent));
  return multiply(result, function(Op::Pow, {base, number(exponent)}));
}

TermId Algebra::power(TermId base, double exponent) {
  if (exponent == 0)
    return number(1);
  if (exponent == 1)
    return base;
  if (auto value = asNumber(base))
    return number(std::pow(*value, exponent));
  const Term &value = term(base);
  if (value.parts.size() == 1 && value.parts[0].coefficient != 0)
    return powerOfProduct(value.parts[0].monomial, value.parts[0].coefficient, exponent);
  // (f (1 + exp(u)))^p = f^p sigmoid(-u)^-p
  const bool natural = isWhole(exponent) && exponent > 0;
  if (!natural)
    if (const ExpSum sum = asExpSum(base); sum.u != kNoTerm) {
      const TermId s = sigmoid(scale(sum.u, -1));
      const TermId raised = term(s).parts.size() == 1 || isWhole(exponent)
                                ? power(s, -exponent)
                                : function(Op::Pow, {s, number(-exponent)});
      return multiply(power(sum.factor, exponent), raised);
    }
  // (f (1 - sigmoid(u)))^-n = f^-n (1 + exp(u))^n
  if (isWhole(exponent) && exponent < 0)
    if (const ExpSum sum = asSigmoidOfMinus(base); sum.u != kNoTerm)
      return multiply(power(sum.factor, exponent), power(add(number(1), exp(sum.u)), -exponent));
  if (natural && exponent <= kMostRepeats) {
    TermId result = base;
    for (double i = 1; i < exponent; ++i)
      result = multiply(result, base);
    return result;
  }
  // (x^2)^p = x^(2 p) for whole p, |x|^(2 p) for whole 2 p > 0
  if (isWhole(2 * exponent) && (exponent > 0 || isWhole(exponent)))
    if (const TermId root = squareRoot(base); root != kNoTerm)
      return power(isWhole(exponent) ? root : abs(root), 2 * exponent);
  if (isWhole(exponent))
    return unexpanded(base, exponent);
  // (c x)^p = c^p x^p for c > 0
  const double size = std::fabs(leadCoefficient(base));
  return scale(function(Op::Pow, {scale(base, 1 / size), number(exponent)}),
               std::pow(size, exponent));
}

/// x^p = exp(p log(x)) for x > 0 and a p that is no number.
TermId Algebra::pow(TermId base, TermId exponent) {
  if (auto value = asNumber(exponent))
    return power(base, *value);
  if (term(base).range.positive())
    return exp(multiply(exponent, log(base)));
  return function(Op::Pow, {base, exponent});
}

/// The sum whose square this is, if it can be read off: n roots of parts that are squares make n (n
/// + 1) / 2 parts, and the signs of the others are those of the roots' products.
TermId Algebra::squareRoot(TermId id) {
  const std::vector<Part> parts = term(id).parts;
  size_t count = 2;
  while (count * (count + 1) / 2 < parts.size())
    ++count;
  if (parts.size() > kMostSquareParts || count * (count + 1) / 2 != parts.size())
    return kNoTerm;
  std::vector<Part> squares;
  for (const Part &part : parts) {
    const auto &factors = monomials_[part.monomial].factors;
    if (part.coefficient > 0 && std::all_of(factors.begin(), factors.end(), [&](const Factor &f) {
          return is(f.atom, Op::Exp) || isWhole(f.exponent / 2);
        }))
      squares.push_back(part);
  }
  // Exponentials are squares always: leave out one after the other.
  for (size_t left = 0; squares.size() >= count && left <= squares.size(); ++left) {
    std::vector<Part> roots;
    for (size_t i = 0; i < squares.size() && roots.size() < count; ++i) {
      if (squares.size() > count && i == left)
        continue;
      std::vector<Factor> halves = monomials_[squares[i].monomial].factors;
      for (Factor &factor : halves)
        factor.exponent /= 2;
      std::vector<Part> half;
      reduce(std::move(halves), std::sqrt(squares[i].coefficient), half);
      roots.insert(roots.end(), half.begin(), half.end());
    }
    if (roots.size() != count)
      continue;
    for (size_t i = 1; i < count; ++i) {
      const TermId cross = multiply(product(roots[0].monomial), product(roots[i].monomial));
      for (const Part &part : parts)
        if (term(cross).parts.size() == 1 && part.monomial == term(cross).parts[0].monomial)
          roots[i].coefficient = std::copysign(roots[i].coefficient, part.coefficient);
    }
    if (const TermId root = make(std::move(roots)); multiply(root, root) == id)
      return root;
    if (squares.size() == count)
      break;
  }
  return kNoTerm;
}

} // namespace disco::dsl
