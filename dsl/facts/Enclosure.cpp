#include "dsl/facts/Enclosure.h"

#include <algorithm>

namespace disco::dsl::facts {

namespace {

/// Charged for the arithmetic on a form itself, relative to the magnitudes that it meets: 4
/// roundings of a double.
constexpr double kArithmetic = 0x1p-50;
constexpr double kLeast = std::numeric_limits<double>::denorm_min();

/// Rules that round nothing.
bool isExact(Rule rule) { return rule == Rule::Neg || rule == Rule::Detach || rule == Rule::Abs; }

} // namespace

Enclosure::Enclosure(const Tape &tape, const Domain &domain, Precision precision,
                     RuleFunction rules)
    : tape_(tape), domain_(domain), precision_(precision), rules_(rules),
      coordinates_(domain.coordinates.size()), width_(coordinates_ + tape.instructions().size()),
      uniform_(tape.instructions().size(), 1), ranges_(tape.instructions().size()),
      known_(tape.instructions().size()), centre_(tape.instructions().size()) {
  for (Slot slot = 0; slot < ranges_.size(); ++slot) {
    const Instruction &instruction = tape.instructions()[slot];
    if (instruction.rule == Rule::Leaf)
      uniform_[slot] = !domain.leaves[instruction.leaf].varies;
    else if (isToken(instruction.extent))
      for (unsigned i = 0; i < ruleArity(instruction.rule); ++i)
        uniform_[slot] &= uniform_[instruction.operands[i]];
  }
}

double Enclosure::spread(Slot slot) const {
  double sum = 0;
  const double *terms = row(slot);
  for (size_t i = 0; i < used(slot); ++i)
    sum += std::fabs(terms[i]);
  return sum * (1 + kArithmetic * double(1 + used(slot)));
}

Interval Enclosure::leafRange(const LeafForm &leaf, std::span<const Interval> box) const {
  Interval range = Interval::point(leaf.centre);
  for (const auto &[coordinate, factor] : leaf.terms)
    range = leaf.centre == 0 && leaf.terms.size() == 1 && factor == 1
                ? box[coordinate]
                : range + Interval::point(factor) * box[coordinate];
  return meet(leaf.limits, leaf.rounds && !leaf.terms.empty()
                               ? loosened(range, {-kInfinity, kInfinity})
                               : range);
}

void Enclosure::leafForm(Slot slot, const LeafForm &leaf, std::span<const Interval> box) {
  double *terms = row(slot);
  std::fill_n(terms, used(slot), 0.0);
  double centre = leaf.centre, magnitude = std::fabs(leaf.centre);
  for (const auto &[coordinate, factor] : leaf.terms) {
    if (!box[coordinate].isFinite())
      return;
    const double middle = box[coordinate].middle();
    const double radius = up(std::max(box[coordinate].hi - middle, middle - box[coordinate].lo));
    centre += factor * middle;
    terms[coordinate] += factor * radius;
    magnitude += std::fabs(factor) * (std::fabs(middle) + radius);
  }
  centre_[slot] = centre;
  known_[slot] = true;
  // A sum of several coordinates is exact as a sum of real numbers; a number or one coordinate
  // alone is exact in double too.
  if (leaf.terms.size() > 1 || (!leaf.terms.empty() && leaf.centre != 0))
    addError(slot, magnitude * kArithmetic);
}

void Enclosure::addError(Slot slot, double error) { row(slot)[coordinates_ + slot] += error; }

/// factor a + factorB b, factors 1 or -1 (or any for a alone).
bool Enclosure::linear(Slot slot, Slot a, double factor, const Slot *b, double factorB) {
  if (!known_[a] || (b && !known_[*b]))
    return false;
  double *terms = row(slot);
  std::fill_n(terms, used(slot), 0.0);
  const double *x = row(a);
  for (size_t i = 0; i < used(a); ++i)
    terms[i] = factor * x[i];
  centre_[slot] = factor * centre_[a];
  if (b) {
    const double *y = row(*b);
    for (size_t i = 0; i < used(*b); ++i)
      terms[i] += factorB * y[i];
    centre_[slot] += factorB * centre_[*b];
  }
  // Each term is off by at most a rounding of itself, so that what cancels exactly leaves nothing.
  if (b || std::fabs(factor) != 1)
    addError(slot, (std::fabs(centre_[slot]) + spread(slot)) * kArithmetic);
  return true;
}

/// (x0 + X)(y0 + Y) = x0 y0 + x0 Y + y0 X + X Y, where |X Y| is at most the product of the spreads;
/// a square has X X between 0 and that.
bool Enclosure::product(Slot slot, Slot a, Slot b) {
  if (!known_[a] || !known_[b])
    return false;
  const double x0 = centre_[a], y0 = centre_[b];
  const double xs = spread(a), ys = spread(b);
  double *terms = row(slot);
  std::fill_n(terms, used(slot), 0.0);
  const double *x = row(a), *y = row(b);
  for (size_t i = 0; i < used(a); ++i)
    terms[i] = y0 * x[i];
  for (size_t i = 0; i < used(b); ++i)
    terms[i] += x0 * y[i];
  const double rest = up(xs * ys);
  centre_[slot] = x0 * y0 + (a == b ? rest / 2 : 0);
  addError(slot, (a == b ? rest / 2 : rest) +
                     (std::fabs(x0) + xs) * (std::fabs(y0) + ys) * kArithmetic +
                     kLeast * double(2 * used(slot)));
  return std::isfinite(centre_[slot]) && std::isfinite(terms[coordinates_ + slot]);
}

/// f(x) is within f(c) + s (x - c) +- r |x - c| when all slopes are within s +- r (mean value
/// theorem).
bool Enclosure::smooth(Slot slot, Slot a, const Interval *operands) {
  const Rule rule = tape_.instructions()[slot].rule;
  if (!known_[a])
    return false;
  const double as = spread(a);
  const double lo = std::max(operands[0].lo, centre_[a] - as);
  const double hi = std::min(operands[0].hi, centre_[a] + as);
  const double middle = lo + (hi - lo) / 2; // within the range, where the slope is known
  Interval at[3] = {Interval::point(middle), operands[1], operands[2]};
  const Interval slope = slopeOf(rule, operands);
  const Interval value = apply(rule, at, Precision::Double);
  if (!slope.isFinite() || !value.isFinite() || !(lo <= hi))
    return false;
  const double s = slope.middle();
  const double r = up(std::max(slope.hi - s, s - slope.lo));
  const double reach = up(std::max(hi - middle, middle - lo));
  double *terms = row(slot);
  std::fill_n(terms, used(slot), 0.0);
  const double *x = row(a);
  for (size_t i = 0; i < used(a); ++i)
    terms[i] = s * x[i];
  centre_[slot] = value.middle() + s * (centre_[a] - middle);
  // The C library is as good as `loosened` assumes, at the middle and wherever it is called.
  addError(slot, up(r * reach) + value.width() +
                     (2 * value.magnitude() +
                      std::fabs(s) * (std::fabs(centre_[a]) + as + reach + std::fabs(middle)) +
                      r * reach) *
                         kArithmetic +
                     kLeast * double(2 * used(slot)));
  return std::isfinite(centre_[slot]) && std::isfinite(terms[coordinates_ + slot]);
}

/// x / y as x times a linear bound of 1 / y, which is kept in the slot's own row on the way.
bool Enclosure::quotient(Slot slot, Slot a, Slot b) {
  const Interval &y = ranges_[b];
  if (!known_[a] || !known_[b] || !y.isFinite() || (y.lo <= 0 && y.hi >= 0))
    return false;
  const Interval one = Interval::point(1);
  const Interval reciprocal = one / y, slope = -square(reciprocal);
  const double middle = y.middle();
  const Interval value = one / Interval::point(middle);
  if (!slope.isFinite() || !value.isFinite())
    return false;
  const double s = slope.middle(), r = up(std::max(slope.hi - s, s - slope.lo));
  const double reach = up(std::max(y.hi - middle, middle - y.lo));
  const double ys = spread(b), xs = spread(a), x0 = centre_[a];
  const double r0 = value.middle() + s * (centre_[b] - middle);
  const double error =
      up(r * reach) + value.width() +
      (value.magnitude() + std::fabs(s) * (std::fabs(centre_[b]) + ys + std::fabs(middle))) *
          kArithmetic;
  // 1 / y is r0 + s (terms of y) +- error.
  const double rs = std::fabs(s) * ys + error;
  double *terms = row(slot);
  std::fill_n(terms, used(slot), 0.0);
  const double *x = row(a), *yt = row(b);
  for (size_t i = 0; i < used(a); ++i)
    terms[i] = r0 * x[i];
  for (size_t i = 0; i < used(b); ++i)
    terms[i] += x0 * s * yt[i];
  centre_[slot] = x0 * r0;
  addError(slot, up(xs * rs) + std::fabs(x0) * error +
                     2 * (std::fabs(x0) + xs) * (std::fabs(r0) + rs) * kArithmetic +
                     kLeast * double(4 * used(slot)));
  return std::isfinite(centre_[slot]) && std::isfinite(terms[coordinates_ + slot]);
}

/// Closes a slot: rounds to the precision, and keeps what form and interval know in common.
void Enclosure::settle(Slot slot, bool exact) {
  if (!known_[slot] || ranges_[slot].nan) { // no form says NaN
    known_[slot] = false;
    return;
  }
  const double largest = precision_ == Precision::Float32
                             ? double(std::numeric_limits<float>::max())
                             : std::numeric_limits<double>::max();
  double s = spread(slot);
  double magnitude = std::fabs(centre_[slot]) + s;
  if (!(magnitude <= largest)) {
    fromRange(slot);
    return;
  }
  if (!exact) {
    const Rule rule = tape_.instructions()[slot].rule;
    const bool isSum = rule == Rule::Add || rule == Rule::Sub; // never underflows
    addError(slot, magnitude * unitOf(precision_) * (1 + 0x1p-20) +
                       (isSum ? 0 : leastPositive(precision_)));
    s = spread(slot);
  }
  Interval &range = ranges_[slot];
  const Interval own = {down(centre_[slot] - s), up(centre_[slot] + s), false};
  const bool isLeaf = tape_.instructions()[slot].rule == Rule::Leaf;
  const bool worthless = !isLeaf && range.isFinite() && range.width() < 0.1 * own.width();
  range = meet(range, own);
  if (worthless) // remembering what it depends on costs more width than it can save
    fromRange(slot);
}

/// The form that knows the slot's interval and nothing else.
void Enclosure::fromRange(Slot slot) {
  const Interval &range = ranges_[slot];
  known_[slot] = range.isFinite() && std::isfinite(range.width());
  if (!known_[slot])
    return;
  std::fill_n(row(slot), used(slot), 0.0);
  centre_[slot] = range.middle();
  addError(slot, up(std::max(range.hi - centre_[slot], centre_[slot] - range.lo)));
}

void Enclosure::form(Slot slot, const Interval *operands) {
  const Instruction &instruction = tape_.instructions()[slot];
  const auto &[a, b, c] = instruction.operands;
  bool exact = isExact(instruction.rule);
  bool found = false;
  switch (ruleForm(instruction.rule)) {
  case Form::Leaf:
    return;
  case Form::Linear: {
    const bool binary = ruleArity(instruction.rule) == 2;
    const bool negative = instruction.rule == Rule::Neg;
    found = linear(slot, a, negative ? -1 : 1, binary ? &b : nullptr,
                   instruction.rule == Rule::Sub ? -1 : 1);
    break;
  }
  case Form::Product:
    found = product(slot, a, b);
    break;
  case Form::Quotient:
    exact = operands[1] == Interval::point(1);
    found = exact ? linear(slot, a, 1, nullptr, 0) : quotient(slot, a, b);
    break;
  case Form::Smooth:
    found = smooth(slot, a, operands);
    break;
  case Form::Total: {
    // One term, or equal ones: for pairs only a single one is known to be equal.
    const Interval &count = operands[1];
    const bool one = count.isPoint() && count.lo == 1;
    const bool equal = instruction.rule == Rule::SumTokens && uniform_[a] && count.isPoint();
    exact = one;
    if (one || equal)
      found = linear(slot, a, count.lo, nullptr, 0);
    if (found && !one) // added in double, one after another
      addError(slot, count.lo * 0x1p-52 * (std::fabs(centre_[slot]) + spread(slot)));
    break;
  }
  case Form::Choice: {
    const int chosen = chosenOperand(instruction.rule, operands);
    exact = true;
    if (chosen >= 0)
      found = linear(slot, instruction.operands[size_t(chosen)], 1, nullptr, 0);
    if (found && (instruction.rule == Rule::Between || instruction.rule == Rule::Share))
      addError(slot, 4 * (unitOf(precision_) * (std::fabs(centre_[slot]) + spread(slot)) +
                          leastPositive(precision_)));
    break;
  }
  case Form::Opaque:
    break;
  }
  known_[slot] = found;
  if (found)
    settle(slot, exact);
  else
    fromRange(slot);
}

/// In where(p < q, x, y), x is below q where it is p, and y is not below q where it is p (but may
/// be NaN), and likewise for q: so a clamp is as narrow as its bounds.
void Enclosure::narrowArms(const Instruction &select, Interval *operands) const {
  const Instruction &condition = tape_.instructions()[select.operands[0]];
  if (condition.rule != Rule::Lt && condition.rule != Rule::Le)
    return;
  const auto &[p, q, none] = condition.operands;
  const auto atMost = [](Interval &arm, double bound) {
    arm.hi = std::max(arm.lo, std::min(arm.hi, bound));
  };
  const auto atLeast = [](Interval &arm, double bound) {
    arm.lo = std::min(arm.hi, std::max(arm.lo, bound));
  };
  if (select.operands[1] == p)
    atMost(operands[1], ranges_[q].hi);
  if (select.operands[1] == q)
    atLeast(operands[1], ranges_[p].lo);
  if (select.operands[2] == p && !ranges_[q].nan)
    atLeast(operands[2], ranges_[q].lo);
  if (select.operands[2] == q && !ranges_[p].nan)
    atMost(operands[2], ranges_[p].hi);
}

void Enclosure::evaluate(std::span<const Interval> box, Method method) {
  const bool affine = method == Method::Affine;
  if (affine && terms_.empty())
    terms_.resize(width_ * ranges_.size());
  std::fill(known_.begin(), known_.end(), uint8_t(0));
  for (Slot slot = 0; slot < ranges_.size(); ++slot) {
    const Instruction &instruction = tape_.instructions()[slot];
    if (instruction.rule == Rule::Leaf) {
      const LeafForm &leaf = domain_.leaves[instruction.leaf];
      ranges_[slot] = leafRange(leaf, box);
      if (leaf.rounds)
        ranges_[slot] = rounded(ranges_[slot], precision_);
      if (affine && leaf.terms.empty()) {
        fromRange(slot);
      } else if (affine) {
        leafForm(slot, leaf, box);
        settle(slot, !leaf.rounds);
      }
      continue;
    }
    Interval operands[3];
    for (unsigned i = 0; i < ruleArity(instruction.rule); ++i)
      operands[i] = ranges_[instruction.operands[i]];
    if (instruction.rule == Rule::Select)
      narrowArms(instruction, operands);
    const bool same = instruction.operands[0] == instruction.operands[1];
    Interval result;
    if (same && instruction.rule == Rule::Mul)
      result = square(operands[0]);
    else if (same && instruction.rule == Rule::Sub && operands[0].isFinite())
      result = Interval::point(0);
    else
      result = rules_(instruction.rule, operands, precision_);
    ranges_[slot] = rounded(result, precision_);
    if (affine)
      form(slot, operands);
  }
}

bool Enclosure::cancels(Slot a, Slot b) const {
  if (!known_[a] || !known_[b] || centre_[a] + centre_[b] != 0)
    return false;
  const size_t longer = std::max(used(a), used(b));
  for (size_t i = 0; i < longer; ++i)
    if ((i < used(a) ? row(a)[i] : 0) + (i < used(b) ? row(b)[i] : 0) != 0)
      return false;
  return true;
}

std::vector<double> Enclosure::influences(std::span<const Interval> box) const {
  std::vector<double> sum(coordinates_);
  for (Slot slot = 0; slot < ranges_.size(); ++slot) {
    const Instruction &instruction = tape_.instructions()[slot];
    const Form form = ruleForm(instruction.rule);
    if (form == Form::Leaf || form == Form::Linear)
      continue;
    for (unsigned i = 0; i < ruleArity(instruction.rule); ++i)
      if (const Slot operand = instruction.operands[i]; known_[operand]) {
        const double whole = spread(operand);
        for (size_t c = 0; whole > 0 && c < coordinates_; ++c)
          sum[c] += std::fabs(row(operand)[c]) / whole;
      }
  }
  for (size_t c = 0; c < coordinates_; ++c) {
    const double full = domain_.coordinates[c].range.width();
    sum[c] *= full > 0 ? box[c].width() / full : 0;
  }
  return sum;
}

} // namespace disco::dsl::facts
