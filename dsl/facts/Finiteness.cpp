#include "dsl/facts/Finiteness.h"

#include "dsl/Dsl.h"
#include "dsl/facts/Enclosure.h"

#include <algorithm>
#include <deque>

namespace disco::dsl::facts {

namespace {

bool readsBatchStatistic(const Program &program) {
  return std::any_of(program.nodes.begin(), program.nodes.end(), [](const Node &node) {
    return opShape(node.op) == OpShape::Reduce || opShape(node.op) == OpShape::Sort;
  });
}

/// Tries situations in the interpreter.
class Prober {
public:
  Prober(const Program &program, std::span<const double> parameters)
      : program_(program), parameters_(parameters), interpreter_(program),
        states_(initialStates(program, parameters)), withTokens_(readsTokens(program)),
        coupled_(readsBatchStatistic(program)) {}

  /// A situation that is not finite, of these pairs: one of them alone, or (where pairs meet in
  /// batch statistics) twice or beside the next one.
  std::optional<Situation> witness(std::span<const PairValues> pairs) {
    if (!coupled_ && pairs.size() > 1 && isFiniteOn(pairs)) // all at once first
      return std::nullopt;
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (!isFiniteOn(pairs.subspan(i, 1)))
        return found_;
      if (!coupled_)
        continue;
      const PairValues twice[] = {pairs[i], pairs[i]};
      if (!isFiniteOn(twice))
        return found_;
      if (i + 1 < pairs.size() && !isFiniteOn(pairs.subspan(i, 2)))
        return found_;
    }
    return std::nullopt;
  }

private:
  bool isFiniteOn(std::span<const PairValues> pairs) {
    Situation situation(pairs, program_.columns.size(), states_, 0, withTokens_);
    interpreter_.evaluate(situation.batch(), parameters_, out_, Precision::Float32,
                          {.gradients = true, .reports = false, .next = false});
    const bool finite = isFinite(out_);
    if (!finite)
      found_ = std::move(situation);
    return finite;
  }

  const Program &program_;
  std::span<const double> parameters_;
  Interpreter interpreter_;
  std::vector<double> states_;
  bool withTokens_, coupled_;
  Evaluation out_;
  std::optional<Situation> found_;
};

bool encloses(const Enclosure &enclosure, const Tape &tape) {
  if (!enclosure.at(tape.loss()).isFinite())
    return false;
  for (size_t input = 0; input < kInputCount; ++input) {
    const Slot gradient = tape.gradientOf(Input(input));
    if (gradient != kNoSlot && !enclosure.at(gradient).isFinite())
      return false;
  }
  return true;
}

using Ranges = std::vector<Interval>;

/// Both halves of a box along its most influential coordinate; empty when none can be halved.
std::vector<Ranges> halves(const Ranges &box, const Domain &domain,
                           const std::vector<double> &influences) {
  size_t widest = box.size();
  for (size_t i = 0; i < box.size(); ++i) {
    const double middle = box[i].middle();
    const bool divisible = box[i].isFinite() && middle > box[i].lo && middle < box[i].hi &&
                           !(domain.coordinates[i].whole && box[i].width() < 1);
    if (divisible && influences[i] > 0 &&
        (widest == box.size() || influences[i] > influences[widest]))
      widest = i;
  }
  if (widest == box.size())
    return {};
  double left = box[widest].middle(), right = left;
  if (domain.coordinates[widest].whole) {
    left = std::floor(left);
    right = left + 1;
  } else if (box[widest].lo < 0 && box[widest].hi > 0) {
    left = right = 0; // where ties and kinks are
  }
  std::vector<Ranges> parts{box, box};
  parts[0][widest].hi = left;
  parts[1][widest].lo = right;
  return parts;
}

} // namespace

std::string_view verdictName(Verdict verdict) {
  return verdict == Verdict::Proved    ? "PROVED"
         : verdict == Verdict::Refuted ? "REFUTED"
                                       : "UNKNOWN";
}

std::vector<Interval> reachableStates(const Program &program, const Tape &tape,
                                      std::span<const double> parameters, Box box) {
  std::vector<Interval> states;
  for (double initial : initialStates(program, parameters))
    states.push_back(Interval::point(initial));
  if (box == Box::Step0)
    return states;
  // An end that moves is moved on to the next of these.
  constexpr double ladder[] = {1e-3, 1, 10, 1e2, 1e3, 1e4, 1e5, 1e6, 1e9, 1e12};
  const auto beyond = [&](double x) {
    for (double step : ladder)
      if (x <= step)
        return step;
    return kInfinity;
  };
  for (size_t round = 0; round < 4 * std::size(ladder) * (1 + states.size()); ++round) {
    const BoxDomain made = boxDomain(tape, program, parameters, states, box);
    Enclosure enclosure(tape, made.domain, Precision::Double);
    enclosure.evaluate(made.domain.box(), Enclosure::Method::Affine);
    bool stable = true;
    for (size_t i = 0; i < states.size(); ++i) {
      const Interval next = enclosure.at(tape.valueOf(program.states[i].next));
      if (next.lo < states[i].lo)
        states[i].lo = next.lo >= 0 ? 0 : -beyond(-next.lo), stable = false;
      if (next.hi > states[i].hi)
        states[i].hi = next.hi <= 0 ? 0 : beyond(next.hi), stable = false;
      if (next.nan && !states[i].nan)
        states[i].nan = true, stable = false;
    }
    if (stable)
      return states;
  }
  return std::vector<Interval>(states.size(), Interval::all());
}

Finiteness finitenessOn(const Program &program, const Tape &tape,
                        std::span<const double> parameters, Box which) {
  Finiteness result;
  Prober prober(program, parameters);
  if ((result.witness = prober.witness(probes(program, which)))) {
    result.verdict = Verdict::Refuted;
    return result;
  }
  const std::vector<Interval> states = reachableStates(program, tape, parameters, which);
  const BoxDomain made = boxDomain(tape, program, parameters, states, which);
  Enclosure enclosure(tape, made.domain, Precision::Float32);
  std::deque<Ranges> open{made.domain.box()};
  if (readsBatchStatistic(program)) { // one pair is its own statistic
    open.push_back(open.front());
    open[0][made.pairs] = Interval::point(1);
    open[1][made.pairs].lo = 2;
  }
  // Given up without a single success in so many boxes, or once the open ones exceed the budget.
  constexpr size_t patience = 64;
  size_t proved = 0;
  while (!open.empty()) {
    if (result.boxes + open.size() > kMaximalBoxes || (proved == 0 && result.boxes >= patience))
      return result;
    const Ranges box = std::move(open.front());
    open.pop_front();
    ++result.boxes;
    enclosure.evaluate(box, Enclosure::Method::Intervals);
    if (!encloses(enclosure, tape))
      enclosure.evaluate(box, Enclosure::Method::Affine);
    if (encloses(enclosure, tape)) {
      ++proved;
      continue;
    }
    std::vector<double> middle;
    for (const Interval &range : box)
      middle.push_back(range.middle());
    if ((result.witness = prober.witness(pairAt(made, program, which, middle)))) {
      result.verdict = Verdict::Refuted;
      return result;
    }
    std::vector<Ranges> parts = halves(box, made.domain, enclosure.influences(box));
    if (parts.empty())
      return result;
    for (Ranges &part : parts)
      open.push_back(std::move(part));
  }
  result.verdict = Verdict::Proved;
  return result;
}

} // namespace disco::dsl::facts
