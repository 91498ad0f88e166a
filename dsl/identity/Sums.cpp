// Making atoms, monomials and terms, what is known of each, and sums. SPEC H1: addition commutes
// and associates and like parts are collected. SPEC H2: a number distributes over a sum.
#include "dsl/identity/Algebra.h"

#include <algorithm>
#include <bit>
#include <cassert>

namespace disco::dsl {

uint64_t roundedBits(double value) {
  if (value == 0 || !std::isfinite(value))
    return std::bit_cast<uint64_t>(value == 0 ? 0.0 : value);
  int exponent = 0;
  const double scaled = std::nearbyint(std::frexp(value, &exponent) * 0x1p40);
  return std::bit_cast<uint64_t>(std::ldexp(scaled, exponent - 40));
}

bool isLogProbability(Input input) {
  switch (input) {
  case Input::policy_chosen_logps:
  case Input::policy_rejected_logps:
  case Input::reference_chosen_logps:
  case Input::reference_rejected_logps:
  case Input::policy_chosen_token_logps:
  case Input::policy_rejected_token_logps:
  case Input::reference_chosen_token_logps:
  case Input::reference_rejected_token_logps:
    return true;
  default:
    return false;
  }
}

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
/// Coefficients of which so little is left were meant to cancel.
constexpr double kCancelled = 1e-12;
/// Parts looked at; bounds the time that any program takes to some milliseconds. The largest
/// published loss needs a fiftieth.
constexpr size_t kMostWork = 100'000;

Range scaled(const Range &range, double factor) {
  Range out{range.low * factor, range.high * factor, range.lowOpen, range.highOpen};
  if (factor < 0) {
    std::swap(out.low, out.high);
    std::swap(out.lowOpen, out.highOpen);
  }
  return out;
}

Range productOf(const Range &a, const Range &b) { // of ranges that reach from 0 on
  const bool zero = (a.low == 0 && !a.lowOpen) || (b.low == 0 && !b.lowOpen);
  return {a.low * b.low, a.high * b.high, !zero && (a.lowOpen || b.lowOpen),
          a.highOpen || b.highOpen};
}

Range powerOf(const Range &range, double exponent) {
  if (exponent == 1)
    return range;
  if (range.low >= 0 && exponent > 0)
    return {std::pow(range.low, exponent), std::pow(range.high, exponent), range.lowOpen,
            range.highOpen};
  if (range.positive())
    return {std::pow(range.high, exponent), std::pow(range.low, exponent), range.highOpen,
            range.lowOpen};
  if (exponent > 0 && isWhole(exponent / 2))
    return {0, kInfinity, false, true};
  return {};
}

Range rangeOf(Input input) {
  switch (input) {
  case Input::chosen_length:
  case Input::rejected_length:
  case Input::batch_size:
    return {1, kInfinity, false, true};
  case Input::progress:
    return {0, 1, false, true};
  case Input::chosen_token_index:
  case Input::rejected_token_index:
    return {0, kInfinity, false, true};
  default:
    return {};
  }
}

void addName(Digest &digest, std::string_view name) {
  digest.add(name.size());
  for (char letter : name)
    digest.add(uint64_t(letter));
}

} // namespace

Algebra::Algebra(const Program &program, std::span<const Digest> states, double unit)
    : program_(program), states_(states), unit_(unit) {
  Monomial one;
  one.range = {1, 1, false, false};
  one.digest = {0, 0}; // sorts first
  monomials_.add(std::move(one));
}

// ---- Atoms

TermId Algebra::leaf(const Node &node) {
  const TermId made = leaf(node.op, node.index, false);
  return node.op == Op::Input && isLogProbability(Input(node.index)) ? scale(made, unit_) : made;
}

TermId Algebra::leaf(Op op, uint32_t index, bool detached) {
  Atom atom;
  atom.op = op;
  atom.index = index;
  atom.digest.add(uint64_t(op == Op::Input ? 1 : op == Op::Column ? 2 : 3));
  if (op == Op::Input) {
    const Input input = Input(index);
    atom.extent = inputExtent(input);
    atom.hasGradient = inputHasGradient(input) && !detached;
    atom.detached = inputHasGradient(input) && detached;
    atom.range = rangeOf(input);
    addName(atom.digest, inputName(input));
    atom.digest.add(atom.detached);
  } else if (op == Op::Column) {
    const Column &column = program_.columns[index];
    atom.extent = Extent::Pair;
    addName(atom.digest, column.name);
    atom.digest.add(column.defaultValue ? std::bit_cast<uint64_t>(*column.defaultValue) : 1);
  } else {
    atom.digest.add(states_[index]);
  }
  return ofAtom(intern(std::move(atom)));
}

AtomId Algebra::intern(Atom atom) { return atoms_.add(std::move(atom)); }

TermId Algebra::function(Op op, std::initializer_list<TermId> arguments) {
  Atom atom;
  atom.op = op;
  addName(atom.digest, opMnemonic(op));
  size_t i = 0;
  for (TermId argument : arguments) {
    const Term &value = term(argument);
    atom.arguments[i++] = argument;
    atom.digest.add(value.digest);
    atom.extent = join(atom.extent, value.extent);
    atom.hasGradient |= value.hasGradient;
    atom.partial |= value.partial;
  }
  const Range x = term(atom.arguments[0]).range;
  switch (op) {
  case Op::Exp:
  case Op::Softplus:
    atom.range = {0, kInfinity, true, true};
    break;
  case Op::Sigmoid:
    atom.range = {0, 1, true, true};
    break;
  case Op::Log:
    atom.partial |= !x.positive();
    break;
  case Op::Pow: {
    const std::optional<double> exponent = asNumber(atom.arguments[1]);
    atom.partial |= !(x.positive() || (x.low >= 0 && exponent && *exponent > 0));
    if (x.low >= 0)
      atom.range = {0, kInfinity, x.positive(), true};
    break;
  }
  case Op::BatchSum:
  case Op::TokenSum: // of at least one
    if (x.low >= 0)
      atom.range = {0, kInfinity, x.positive(), true};
    atom.extent = op == Op::BatchSum ? Extent::Batch : Extent::Pair;
    break;
  case Op::BatchMax:
  case Op::BatchQuantile:
    atom.extent = Extent::Batch;
    [[fallthrough]];
  case Op::BatchSort:
  case Op::Add:
    atom.range = x;
    break;
  default:
    break;
  }
  return ofAtom(intern(std::move(atom)));
}

TermId Algebra::condition(Op op, TermId t, double threshold) {
  Atom atom;
  atom.op = op;
  atom.threshold = threshold;
  atom.arguments[0] = t;
  atom.extent = term(t).extent;
  atom.range = {0, 1, false, false};
  addName(atom.digest, opMnemonic(op));
  atom.digest.add(term(t).digest).add(roundedBits(threshold));
  return ofAtom(intern(std::move(atom)));
}

// ---- Monomials

MonomialId Algebra::intern(std::vector<Factor> factors) {
  if (factors.empty())
    return kOne;
  Monomial made;
  made.range = {1, 1, false, false};
  for (const Factor &factor : factors) {
    const Atom &atom = atoms_[factor.atom];
    made.digest.add(atom.digest).add(roundedBits(factor.exponent));
    made.extent = join(made.extent, atom.extent);
    made.hasGradient |= atom.hasGradient;
    made.partial |= atom.partial || (factor.exponent < 0 && !atom.range.nonZero());
    const Range range = powerOf(atom.range, factor.exponent);
    const bool known = made.range.low >= 0 && range.low >= 0;
    made.range = factors.size() == 1 ? range : known ? productOf(made.range, range) : Range{};
  }
  made.factors = std::move(factors);
  return monomials_.add(std::move(made));
}

TermId Algebra::ofAtom(AtomId atom, double exponent) {
  return product(intern(std::vector<Factor>{{atom, exponent}}));
}

/// What of a monomial may be undefined, to the least powers.
MonomialId Algebra::domainOf(MonomialId id) {
  std::vector<Factor> factors;
  for (const Factor &factor : monomials_[id].factors) {
    const Atom &atom = atoms_[factor.atom];
    if (factor.exponent < 0 && !atom.range.nonZero())
      factors.push_back({factor.atom, -1});
    else if (atom.partial)
      factors.push_back({factor.atom, 1});
  }
  return intern(std::move(factors));
}

bool Algebra::covers(MonomialId whole, MonomialId domain) const {
  const auto &factors = monomials_[whole].factors;
  return std::all_of(monomials_[domain].factors.begin(), monomials_[domain].factors.end(),
                     [&](const Factor &needed) {
                       return std::any_of(factors.begin(), factors.end(), [&](const Factor &has) {
                         return has.atom == needed.atom &&
                                (needed.exponent > 0 || has.exponent < 0);
                       });
                     });
}

// ---- Terms

std::optional<double> Algebra::asNumber(TermId id) const {
  const Term &value = term(id);
  if (value.parts.empty())
    return 0;
  if (value.parts.size() == 1 && value.parts[0].monomial == kOne)
    return value.parts[0].coefficient;
  return std::nullopt;
}

TermId Algebra::number(double value) {
  if (!std::isfinite(value))
    throw GiveUp();
  return make({{kOne, value}});
}

/// Sorts parts and collects like ones: H1. What cancels is dropped, its domain is not.
TermId Algebra::make(std::vector<Part> parts) {
  work_ += 1 + parts.size();
  if (work_ > kMostWork)
    throw GiveUp();
  std::sort(parts.begin(), parts.end(), [&](const Part &a, const Part &b) {
    return monomials_[a.monomial].digest < monomials_[b.monomial].digest;
  });
  std::vector<Part> kept;
  std::vector<MonomialId> domains;
  for (size_t i = 0; i < parts.size();) {
    const MonomialId monomial = parts[i].monomial;
    double sum = 0, size = 0;
    for (; i < parts.size() && parts[i].monomial == monomial; ++i) {
      sum += parts[i].coefficient;
      size += std::fabs(parts[i].coefficient);
    }
    if (!std::isfinite(sum))
      throw GiveUp();
    if (std::fabs(sum) > kCancelled * size)
      kept.push_back({monomial, sum});
    else if (monomials_[monomial].partial)
      domains.push_back(domainOf(monomial));
  }
  for (MonomialId domain : domains)
    if (std::none_of(kept.begin(), kept.end(),
                     [&](const Part &part) { return covers(part.monomial, domain); }))
      kept.push_back({domain, 0});
  if (!domains.empty())
    std::sort(kept.begin(), kept.end(), [&](const Part &a, const Part &b) {
      return monomials_[a.monomial].digest < monomials_[b.monomial].digest;
    });

  Term made;
  made.range = {0, 0, false, false};
  double size = 0; // of the finite ends, for what rounding may have left
  for (const Part &part : kept) {
    const Monomial &monomial = monomials_[part.monomial];
    made.digest.add(monomial.digest).add(roundedBits(part.coefficient));
    made.extent = join(made.extent, monomial.extent);
    made.hasGradient |= monomial.hasGradient;
    made.partial |= monomial.partial;
    if (part.coefficient == 0)
      continue;
    const Range range = scaled(monomial.range, part.coefficient);
    made.range = {made.range.low + range.low, made.range.high + range.high,
                  made.range.lowOpen || range.lowOpen, made.range.highOpen || range.highOpen};
    size += std::isfinite(range.low) ? std::fabs(range.low) : 0;
    size += std::isfinite(range.high) ? std::fabs(range.high) : 0;
  }
  const auto settle = [&](double &end, bool &open) {
    if (end != 0 && std::fabs(end) < kCancelled * size) {
      end = 0;
      open = false;
    }
  };
  settle(made.range.low, made.range.lowOpen);
  settle(made.range.high, made.range.highOpen);
  made.parts = std::move(kept);
  return terms_.add(std::move(made));
}

void Algebra::append(TermId id, double factor, std::vector<Part> &parts) {
  for (const Part &part : term(id).parts)
    parts.push_back({part.monomial, factor * part.coefficient});
}

/// a + factor b
TermId Algebra::add(TermId a, TermId b, double factor) {
  std::vector<Part> parts = term(a).parts;
  parts.reserve(parts.size() + term(b).parts.size());
  append(b, factor, parts);
  return make(std::move(parts));
}

TermId Algebra::scale(TermId id, double factor) {
  if (factor == 1)
    return id;
  std::vector<Part> parts = term(id).parts;
  for (Part &part : parts) {
    if (part.coefficient != 0 && factor != 0 && part.coefficient * factor == 0)
      throw GiveUp(); // underflow would make different terms alike
    part.coefficient *= factor;
  }
  return make(std::move(parts));
}

/// The first part that is not a number; its sign and size stand for those of the whole.
const Part *Algebra::lead(TermId id) const {
  for (const Part &part : term(id).parts)
    if (part.monomial != kOne && part.coefficient != 0)
      return &part;
  return nullptr;
}

double Algebra::leadCoefficient(TermId id) const {
  const Part *part = lead(id);
  return part ? part->coefficient : 1;
}

} // namespace disco::dsl
