#include "dsl/facts/Monotony.h"

#include "dsl/facts/Enclosure.h"
#include "dsl/facts/Finiteness.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace disco::dsl::facts {

namespace {

/// A box of the line that is not divided further.
bool isNarrow(const Interval &box) { return box.width() <= 1e-9 * std::max(1.0, box.magnitude()); }

class LineAnalysis {
public:
  LineAnalysis(const Program &program, Tape &tape, std::span<const double> parameters)
      : line_(program, parameters), tape_(tape), slope_(tape.addMarginSlope()),
        domain_(line_.domain(tape, {-kLineReach, kLineReach})) {}

  LineFacts run() {
    facts_.atZero = line_.at(0);
    facts_.nonfiniteAbove = firstNonfinite(1);
    facts_.nonfiniteBelow = firstNonfinite(-1);
    findRises();
    facts_.below = end(-1);
    facts_.above = end(1);
    return facts_;
  }

private:
  std::vector<Interval> box(const Interval &margins) const {
    return {margins, domain_.coordinates[1].range};
  }

  /// The margin nearest 0 on one side that fails; boxes nearer 0 are proved finite as long as there
  /// is budget.
  std::optional<MarginLine::Point> firstNonfinite(double side) {
    const auto fails = [&](double size) {
      return !line_.at(side * size, Precision::Float32).finite;
    };
    if (fails(0))
      return line_.at(0, Precision::Float32);
    Enclosure enclosure(tape_, domain_, Precision::Float32);
    std::vector<Interval> open{{0, kLineReach}}; // of |margin|, nearest last
    for (size_t boxes = 0; !open.empty(); ++boxes) {
      const Interval part = open.back();
      open.pop_back();
      const Interval margins = side > 0 ? part : -part;
      const bool broke = boxes >= kMaximalBoxes;
      if (!broke && proves(enclosure, margins))
        continue;
      if (broke || part.width() <= 1e-6 * std::max(1.0, part.hi)) {
        if (fails(part.hi))
          return line_.at(side * boundary(part.lo, part.hi, fails), Precision::Float32);
        continue;
      }
      open.push_back({part.middle(), part.hi});
      open.push_back({part.lo, part.middle()});
    }
    return std::nullopt;
  }
  bool proves(Enclosure &enclosure, const Interval &margins) {
    for (const auto method : {Enclosure::Method::Intervals, Enclosure::Method::Affine}) {
      enclosure.evaluate(box(margins), method);
      bool finite = enclosure.at(tape_.loss()).isFinite();
      for (size_t input = 0; input < kInputCount; ++input)
        if (const Slot gradient = tape_.gradientOf(Input(input)); gradient != kNoSlot)
          finite &= enclosure.at(gradient).isFinite();
      if (finite)
        return true;
    }
    return false;
  }

  /// Where a predicate that is false at `no` and true at `yes` turns, to the last bit.
  template <typename Predicate> double boundary(double no, double yes, Predicate holds) {
    for (int i = 0; i < 200; ++i) {
      const double middle = no + (yes - no) / 2;
      if (middle == no || middle == yes)
        break;
      (holds(middle) ? yes : no) = middle;
    }
    return yes;
  }

  enum class Course : uint8_t { Falls, Rises, Unclear };
  struct Piece {
    Interval margins;
    Course course;
  };

  void findRises() {
    // A slope this much smaller than those near 0 is flat.
    floor_ = std::numeric_limits<float>::denorm_min();
    for (double margin : {-10.0, -1.0, 0.0, 1.0, 10.0})
      if (const double slope = std::fabs(line_.at(margin).slope); std::isfinite(slope))
        floor_ = std::max(floor_, 1e-12 * slope);
    const double lo = facts_.nonfiniteBelow ? facts_.nonfiniteBelow->margin : -kLineReach;
    const double hi = facts_.nonfiniteAbove ? facts_.nonfiniteAbove->margin : kLineReach;
    if (!(lo < hi))
      return;
    assemble(pieces(lo, hi));
    facts_.oppositeSlopes = oppositeSlopes(lo, hi);
  }

  /// Neighbouring pieces from lo to hi.
  std::vector<Piece> pieces(double lo, double hi) {
    Enclosure enclosure(tape_, domain_, Precision::Double);
    facts_.risesProved = true;
    std::vector<Piece> pieces;
    std::vector<Interval> open = fromZero(lo, hi);
    for (size_t boxes = 0; !open.empty(); ++boxes) {
      const Interval margins = open.back();
      open.pop_back();
      Course course = Course::Unclear;
      if (boxes < kMaximalBoxes) {
        enclosure.evaluate(box(margins), Enclosure::Method::Affine);
        course = courseOf(enclosure);
      } else {
        facts_.risesProved = false;
      }
      if (course != Course::Unclear || isNarrow(margins) || boxes >= kMaximalBoxes) {
        pieces.push_back({margins, course});
        continue;
      }
      open.push_back({margins.middle(), margins.hi});
      open.push_back({margins.lo, margins.middle()});
    }
    return pieces;
  }
  /// Boxes that cover lo to hi, divided at 0, where ties are; the first is last.
  static std::vector<Interval> fromZero(double lo, double hi) {
    if (lo < 0 && hi > 0)
      return {{0, hi}, {lo, 0}};
    return {{lo, hi}};
  }

  std::optional<bool> oppositeSlopes(double lo, double hi) {
    const Slot chosen = tape_.gradientOf(Input::policy_chosen_logps);
    const Slot rejected = tape_.gradientOf(Input::policy_rejected_logps);
    if (usesTokens())
      return std::nullopt;
    if (chosen == kNoSlot || rejected == kNoSlot || isSameDirectionSomewhere(lo, hi))
      return false;
    Enclosure enclosure(tape_, domain_, Precision::Double);
    std::vector<Interval> open = fromZero(lo, hi);
    for (size_t boxes = 0; !open.empty(); ++boxes) {
      const Interval margins = open.back();
      open.pop_back();
      enclosure.evaluate(box(margins), Enclosure::Method::Affine);
      if (areOpposed(enclosure, chosen, rejected) || isNarrow(margins))
        continue;
      if (boxes >= kMaximalBoxes / 4)
        return std::nullopt;
      open.push_back({margins.middle(), margins.hi});
      open.push_back({margins.lo, margins.middle()});
    }
    return true;
  }

  Course courseOf(const Enclosure &enclosure) const {
    for (Slot branch : tape_.branches())
      if (!enclosure.at(branch).isPoint())
        return Course::Unclear; // the loss may jump
    const Interval &slope = enclosure.at(slope_);
    if (slope.nan)
      return Course::Unclear;
    return slope.hi <= floor_ ? Course::Falls : slope.lo > floor_ ? Course::Rises : Course::Unclear;
  }
  bool areOpposed(const Enclosure &enclosure, Slot chosen, Slot rejected) const {
    const Interval &c = enclosure.at(chosen), &r = enclosure.at(rejected);
    if (c.nan || r.nan)
      return false;
    return (c.lo >= 0 && r.hi <= 0) || (c.hi <= 0 && r.lo >= 0) ||
           enclosure.cancels(chosen, rejected);
  }
  bool usesTokens() const {
    return tape_.gradientOf(Input::policy_chosen_token_logps) != kNoSlot ||
           tape_.gradientOf(Input::policy_rejected_token_logps) != kNoSlot;
  }
  bool isSameDirectionSomewhere(double lo, double hi) {
    for (double margin : {0.0, 0.1, 1.0, 10.0, 100.0, 1000.0})
      for (double at : {margin, -margin})
        if (at > lo && at < hi) {
          const MarginLine::Point point = line_.at(at);
          if (point.chosen * point.rejected > 0)
            return true;
        }
    return false;
  }

  void assemble(const std::vector<Piece> &pieces) {
    const auto slope = [&](double margin) { return line_.at(margin).slope; };
    // Where the course is known: at ends of pieces with one, and in the middle of others that are
    // too wide to be a boundary.
    Course last = Course::Falls;
    double known = pieces.front().margins.lo, turn = known;
    for (const Piece &piece : pieces) {
      if (piece.course == Course::Unclear)
        jump(piece.margins);
      if (piece.course == Course::Unclear && isNarrow(piece.margins))
        continue;
      const bool proved = piece.course != Course::Unclear;
      const double middle = piece.margins.middle();
      const Course course = proved                   ? piece.course
                            : slope(middle) > floor_ ? Course::Rises
                                                     : Course::Falls;
      const double at = proved ? piece.margins.lo : middle;
      if (course != last && !(&piece == &pieces.front())) {
        const bool upwards = course == Course::Rises;
        // Between a rise and a fall the slope is 0; between a rise and a flat part, the floor.
        const double level = slope(upwards ? known : at) <= 0 ? 0 : floor_;
        const auto turned = [&](double m) { return (slope(m) > level) == upwards; };
        const double next = known < at ? boundary(known, at, turned) : at;
        if (!upwards)
          facts_.risesOn.emplace_back(tidy(turn), tidy(next));
        turn = next;
      }
      last = course;
      known = proved ? piece.margins.hi : middle;
    }
    if (last == Course::Rises)
      facts_.risesOn.emplace_back(tidy(turn), pieces.back().margins.hi);
    std::sort(facts_.risesOn.begin(), facts_.risesOn.end());
  }
  /// A margin as fine as the line can tell: its log-probabilities near -60 have steps of 7e-15.
  static double tidy(double margin) { return std::fabs(margin) < 1e-13 ? 0 : margin; }

  /// Notes a jump upwards within a narrow piece: a difference that no slope near it explains.
  void jump(const Interval &margins) {
    const auto loss = [&](double margin) { return line_.at(margin).loss; };
    const double before = loss(margins.lo), after = loss(margins.hi);
    const double steepest =
        std::max(std::fabs(line_.at(margins.lo).slope), std::fabs(line_.at(margins.hi).slope));
    const double explained =
        10 * steepest * margins.width() + 1e-9 * (std::fabs(before) + std::fabs(after));
    if (!(after - before > explained))
      return;
    const double middle = before + (after - before) / 2;
    const double at = boundary(margins.lo, margins.hi, [&](double m) { return loss(m) > middle; });
    facts_.risesOn.emplace_back(tidy(at), tidy(at));
  }

  /// What value and slope tend to on one side, by evaluation in double at margins that double until
  /// one overflows.
  LineEnd end(double side) {
    std::vector<MarginLine::Point> points;
    for (double margin = 1; margin <= 0x1p40; margin *= 2) {
      const MarginLine::Point point = line_.at(side * margin);
      if (!std::isfinite(point.loss) || !std::isfinite(point.slope))
        break;
      points.push_back(point);
    }
    LineEnd end;
    if (points.size() < 4)
      return end;
    const MarginLine::Point &last = points.back(), &previous = points[points.size() - 2],
                            &third = points[points.size() - 3];
    const auto settled = [](double a, double b, double c) {
      const double close = 1e-9 * std::max({std::fabs(a), std::fabs(b), 1e-3});
      return std::fabs(a - b) <= close && std::fabs(b - c) <= 2 * close;
    };
    const auto diverges = [](double a, double b, double c) {
      return std::fabs(a) > 1e3 && std::fabs(a) > 1.2 * std::fabs(b) &&
             std::fabs(b) > 1.2 * std::fabs(c);
    };
    if (settled(last.slope, previous.slope, third.slope))
      end.slope = std::fabs(last.slope) < 1e-9 ? 0 : last.slope;
    else if (diverges(last.slope, previous.slope, third.slope))
      end.slope = std::copysign(kInfinity, last.slope);
    if (end.slope && *end.slope != 0) // the loss goes on at this slope
      end.value = side * *end.slope > 0 ? kInfinity : -kInfinity;
    else if (settled(last.loss, previous.loss, third.loss))
      end.value = last.loss;
    return end;
  }

  MarginLine line_;
  Tape &tape_;
  Slot slope_;
  Domain domain_;
  LineFacts facts_;
  double floor_ = 0;
};

} // namespace

LineFacts lineFacts(const Program &program, Tape &tape, std::span<const double> parameters) {
  return LineAnalysis(program, tape, parameters).run();
}

} // namespace disco::dsl::facts
