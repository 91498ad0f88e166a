#include "test/unit/facts/Containment.h"

#include <cmath>
#include <sstream>

namespace disco::dsl::facts {

Program randomTypedProgram(uint64_t seed, size_t operations) {
  TestRandom random(seed);
  ProgramBuilder build;
  // Values by extent; leaves first.
  std::array<std::vector<NodeId>, 4> reals, bools;
  const auto keep = [&](NodeId id) {
    const Type type = build.program()[id].type;
    (type.kind == Kind::Bool ? bools : reals)[size_t(type.extent)].push_back(id);
  };
  for (size_t input = 0; input < kInputCount; ++input)
    keep(build.input(Input(input)));
  keep(build.policyMargin());
  keep(build.parameter("beta", 0.1));
  keep(build.column("weight", 1.0));
  for (double value : {0.0, 1.0, -1.0, 2.0, random.uniform(-3, 3), random.uniform(0, 100)})
    keep(build.constant(value));
  // A value that fits beside `extent`: of the same or of a narrower one.
  const auto pick = [&](auto &pools, Extent extent) -> NodeId {
    const std::vector<NodeId> *pool = &pools[size_t(extent)];
    const size_t narrower = random.below(3);
    if (narrower == 0 && isToken(extent))
      pool = &pools[size_t(Extent::Pair)];
    else if (narrower <= 1 && extent != Extent::Batch)
      pool = &pools[size_t(Extent::Batch)];
    if (pool->empty())
      return kNoNode;
    return random.below(2) ? pool->back() : (*pool)[random.below(pool->size())];
  };
  constexpr Op elements[] = {Op::Neg, Op::Exp,  Op::Log,  Op::Log1p,   Op::Expm1,    Op::Sqrt,
                             Op::Abs, Op::Sign, Op::Tanh, Op::Sigmoid, Op::Softplus, Op::Detach,
                             Op::Add, Op::Sub,  Op::Mul,  Op::Div,     Op::Add,      Op::Sub,
                             Op::Mul, Op::Min,  Op::Max,  Op::Lt,      Op::Le,       Op::Eq,
                             Op::Ne,  Op::And,  Op::Or,   Op::Not,     Op::Select,   Op::Select};
  while (operations-- > 0) {
    const Extent extent = Extent(random.below(10) < 6 ? 1 : random.below(4));
    const auto &own = reals[size_t(extent)];
    const NodeId recent = random.below(2) ? own.back() : own[random.below(own.size())];
    const size_t choice = random.below(std::size(elements) + 8);
    if (choice >= std::size(elements)) {
      const NodeId two = build.constant(double(random.below(7)) - 2);
      if (choice < std::size(elements) + 2)
        keep(build.apply(Op::Pow, {recent, two}));
      else if (isToken(extent))
        keep(build.apply(Op::TokenSum, {recent}));
      else if (extent == Extent::Pair && choice < std::size(elements) + 5)
        keep(build.apply(Op::Div,
                         {build.apply(Op::BatchSum, {recent}), build.input(Input::batch_size)}));
      else if (extent == Extent::Pair) {
        const size_t which = random.below(3);
        keep(which == 0 ? build.apply(Op::BatchMax, {recent})
             : which == 1
                 ? build.apply(Op::BatchSort, {recent})
                 : build.apply(Op::BatchQuantile, {recent, build.constant(random.uniform(0, 1))}));
      }
      continue;
    }
    const Op op = elements[choice];
    const OpShape shape = opShape(op);
    const bool logic = shape == OpShape::Logic || shape == OpShape::Select;
    const NodeId first = logic ? pick(bools, extent) : recent;
    const NodeId second = shape == OpShape::Logic ? pick(bools, extent) : pick(reals, extent);
    if (first == kNoNode || second == kNoNode)
      continue;
    if (opArity(op) == 1)
      keep(build.apply(op, {first}));
    else if (opArity(op) == 2)
      keep(build.apply(op, {first, second}));
    else
      keep(build.apply(op, {first, second, recent}));
  }
  // Everything of interest flows into the loss.
  NodeId loss = reals[1].back();
  for (size_t side : {2, 3})
    if (random.below(2))
      loss = build.apply(Op::Add, {loss, build.apply(Op::TokenSum, {reals[side].back()})});
  if (random.below(2))
    loss = build.apply(Op::Mul, {loss, reals[0].back()});
  return withoutDeadNodes(build.finish(build.apply(
      Op::Add, {loss, build.apply(Op::Mul, {build.policyMargin(), build.constant(0.5)})})));
}

/// Numbers lie on a grid coarse enough for sums of them to be exact in float32, so that the point
/// that is evaluated is the point of the box.
struct Containment::Points {
  size_t pairs = 0;
  std::array<std::vector<double>, kInputCount> columns;
  std::vector<std::vector<double>> data;
  std::vector<double> states;
  std::vector<size_t> chosenOffsets{0}, rejectedOffsets{0};
  double progress = 0;
  std::vector<std::vector<double>> pairCoordinates; // [pair][coordinate]
  std::array<std::vector<std::vector<double>>, 2> tokenCoordinates;
  std::array<std::vector<size_t>, 2> pairOfToken;
  std::vector<std::span<const double>> spans;

  Batch batch() {
    Batch batch;
    batch.pairs = pairs;
    batch.progress = progress;
    for (size_t i = 0; i < kInputCount; ++i)
      batch.columns[i] = columns[i];
    spans.assign(data.begin(), data.end());
    batch.dataColumns = spans;
    batch.chosenOffsets = chosenOffsets;
    batch.rejectedOffsets = rejectedOffsets;
    batch.states = states;
    return batch;
  }
};

Containment::Containment(const Program &program, uint64_t seed, Enclosure::RuleFunction rules)
    : program_(program), random_(seed), rules_(rules), parameters_(program.defaultParameters()),
      tape_(program), interpreter_(program), read_(program.nodes.size()) {
  read_[program.loss] = true;
  for (size_t id = program.nodes.size(); id-- > 0;)
    for (unsigned i = 0; read_[id] && i < opArity(program.nodes[id].op); ++i)
      read_[program.nodes[id].operands[i]] = true;
  std::vector<Interval> states(program.states.size(), Interval{-3, 3});
  made_ = boxDomain(tape_, program, parameters_, states, Box::Operating);
}

namespace {
double gridOf(Role role, double scale) {
  switch (role) {
  case Role::ChosenLength:
  case Role::RejectedLength:
  case Role::Pairs:
    return 1;
  case Role::Column:
  case Role::State:
  case Role::Progress:
    return 0x1p-9;
  default:
    return 0x1p-9 * scale;
  }
}
} // namespace

double Containment::draw(const Interval &range, double grid) {
  const size_t corner = random_.below(8);
  if (corner == 0 || range.isPoint())
    return range.lo;
  if (corner == 1)
    return range.hi;
  const double steps = std::floor(range.width() / grid);
  return range.lo + grid * std::floor(random_.uniform(0, steps + 1) * (1 - 1e-12));
}

Interval Containment::randomRange(size_t coordinate, size_t pairs, double scale) {
  const double grid = gridOf(made_.roles[coordinate], scale);
  const auto around = [&](double least, double most) {
    const double widths[] = {0, 0, 8 * grid, 256 * grid, 0.05 * (most - least), most - least};
    const double width = widths[random_.below(std::size(widths))];
    double centre = random_.below(3) == 0 ? 0 : random_.uniform(least, most);
    const auto snap = [&](double x) { return grid * std::nearbyint(x / grid); };
    const double lo = snap(std::clamp(centre - width / 2, least, most));
    return Interval{lo, snap(std::clamp(lo + width, least, most))};
  };
  const auto whole = [&](double least, double most) {
    const double lo = least + double(random_.below(size_t(most - least + 1)));
    return Interval{lo, random_.below(2) ? lo : most};
  };
  switch (made_.roles[coordinate]) {
  case Role::Margin:
    return around(-1000 * scale, 1000 * scale);
  case Role::Common:
    return around(-500 * scale, 500 * scale);
  case Role::ReferenceChosen:
  case Role::ReferenceRejected:
    return around(-2000 * scale, 0);
  case Role::ChosenLength:
  case Role::RejectedLength:
    return whole(1, 5);
  case Role::Pairs:
    return random_.below(2) ? Interval::point(double(pairs))
                            : Interval{std::min(2.0, double(pairs)), 4096};
  case Role::Progress:
    return around(0, 1);
  case Role::Token: {
    const Input input = Input(made_.indices[coordinate]);
    if (input == Input::chosen_token_index || input == Input::rejected_token_index)
      return {0, 5};
    const bool divergence = input == Input::chosen_token_kl || input == Input::rejected_token_kl;
    return divergence ? around(0, 8 * scale) : around(-8 * scale, 0);
  }
  case Role::Column:
  case Role::State:
    return around(-3, 3);
  }
  return {};
}

bool Containment::fill(Points &points, std::span<const Interval> box, size_t pairs, double scale) {
  const auto draw = [&](size_t c) { return this->draw(box[c], gridOf(made_.roles[c], scale)); };
  points.pairs = pairs;
  points.data.assign(program_.columns.size(), {});
  points.states.assign(program_.states.size(), 0);
  std::vector<double> shared(box.size());
  for (size_t c = 0; c < box.size(); ++c) {
    if (made_.roles[c] == Role::Progress)
      points.progress = shared[c] = draw(c);
    if (made_.roles[c] == Role::State)
      points.states[made_.indices[c]] = shared[c] = draw(c);
    if (made_.roles[c] == Role::Pairs)
      shared[c] = double(pairs);
  }
  for (size_t pair = 0; pair < pairs; ++pair) {
    bool inside = false;
    double chosen = 0, rejected = 0, referenceChosen = -60, referenceRejected = -60;
    std::vector<double> at;
    double lengths[2] = {1, 1};
    for (int attempt = 0; attempt < 100 && !inside; ++attempt) {
      at = shared;
      double margin = 0, common = 0;
      for (size_t c = 0; c < box.size(); ++c) {
        const Role role = made_.roles[c];
        if (role == Role::Progress || role == Role::State || role == Role::Pairs ||
            role == Role::Token)
          continue;
        const bool length = role == Role::ChosenLength || role == Role::RejectedLength;
        at[c] = draw(c);
        if (role == Role::Margin)
          margin = at[c];
        else if (role == Role::Common)
          common = at[c];
        else if (role == Role::ReferenceChosen)
          referenceChosen = at[c];
        else if (role == Role::ReferenceRejected)
          referenceRejected = at[c];
        else if (length)
          lengths[role == Role::RejectedLength] = at[c];
      }
      chosen = referenceChosen + common + margin / 2;
      rejected = referenceRejected + common - margin / 2;
      inside = chosen <= 0 && rejected <= 0 && chosen >= -4000 && rejected >= -4000;
    }
    if (!inside)
      return false;
    const auto put = [&](Input input, double x) { points.columns[size_t(input)].push_back(x); };
    put(Input::policy_chosen_logps, chosen);
    put(Input::policy_rejected_logps, rejected);
    put(Input::reference_chosen_logps, referenceChosen);
    put(Input::reference_rejected_logps, referenceRejected);
    put(Input::chosen_length, lengths[0]);
    put(Input::rejected_length, lengths[1]);
    for (size_t c = 0; c < box.size(); ++c)
      if (made_.roles[c] == Role::Column)
        points.data[made_.indices[c]].push_back(at[c]);
    for (std::vector<double> &column : points.data)
      column.resize(pair + 1, 1.0);
    for (size_t side : {0, 1}) {
      for (size_t token = 0; token < size_t(lengths[side]); ++token) {
        std::vector<double> here = at;
        for (size_t c = 0; c < box.size(); ++c) {
          if (made_.roles[c] != Role::Token)
            continue;
          const Input input = Input(made_.indices[c]);
          if ((inputExtent(input) == Extent::ChosenToken) != (side == 0))
            continue;
          const bool index =
              input == Input::chosen_token_index || input == Input::rejected_token_index;
          here[c] = index ? double(token) : draw(c);
          put(input, here[c]);
          if (token == 0) // of a single token the sum is the token itself
            at[c] = here[c];
        }
        points.tokenCoordinates[side].push_back(std::move(here));
        points.pairOfToken[side].push_back(pair);
      }
    }
    // A chosen token may stand beside the sum of a single rejected one.
    for (size_t t = points.chosenOffsets.back(); t < points.tokenCoordinates[0].size(); ++t)
      for (size_t c = 0; c < box.size(); ++c)
        if (made_.roles[c] == Role::Token &&
            inputExtent(Input(made_.indices[c])) == Extent::RejectedToken)
          points.tokenCoordinates[0][t][c] = at[c];
    points.chosenOffsets.push_back(points.tokenCoordinates[0].size());
    points.rejectedOffsets.push_back(points.tokenCoordinates[1].size());
    points.pairCoordinates.push_back(std::move(at));
  }
  return true;
}

std::optional<std::string> Containment::compare(const Points &points, const Enclosure &enclosure,
                                                std::span<const Interval> box) {
  // The earliest on the tape is the cause of later ones.
  std::optional<std::string> first;
  Slot earliest = kNoSlot;
  const auto check = [&](NodeId id, Slot slot, const char *what, size_t i, double x) {
    if (slot >= earliest)
      return;
    const Interval &range = enclosure.at(slot);
    std::string kind;
    double excess = 0;
    if (!range.contains(x)) {
      kind = "interval";
    } else if (enclosure.hasForm(slot)) {
      // The part of the form that the coordinates explain, against the rest of it.
      const Extent extent = program_[id].type.extent;
      const std::vector<double> &at =
          extent == Extent::Batch || extent == Extent::Pair
              ? points.pairCoordinates[extent == Extent::Batch ? 0 : i]
              : points.tokenCoordinates[extent == Extent::RejectedToken][i];
      const std::span<const double> terms = enclosure.termsOf(slot);
      double explained = enclosure.centreOf(slot), rest = 0, size = std::fabs(explained);
      for (size_t c = 0; c < terms.size(); ++c) {
        if (c >= box.size()) {
          rest += std::fabs(terms[c]);
          continue;
        }
        const double middle = box[c].middle();
        const double radius = std::max(box[c].hi - middle, middle - box[c].lo);
        explained += radius > 0 ? terms[c] * (at[c] - middle) / radius : 0;
        size += std::fabs(terms[c]);
      }
      excess = std::fabs(x - explained) - rest;
      if (!(excess <= 1e-12 * size))
        kind = "affine form";
    }
    if (kind.empty())
      return;
    std::ostringstream text;
    text.precision(17);
    text << what << " " << i << " of node %" << id << " (" << opMnemonic(program_[id].op) << ", "
         << ruleName(tape_.instructions()[slot].rule) << ") is " << x << ", outside its " << kind
         << " [" << range.lo << ", " << range.hi << "]" << (range.nan ? " or NaN" : "") << " by "
         << excess;
    first = text.str();
    earliest = slot;
  };
  for (NodeId id = 0; id < program_.nodes.size(); ++id) {
    if (!read_[id])
      continue;
    const Slot value = tape_.valueOf(id), adjoint = tape_.adjointOf(id);
    const bool flows = InterpreterProbe::hasAdjoint(interpreter_, id);
    if (flows && adjoint == kNoSlot)
      // Nothing is passed on; the interpreter keeps zeros.
      for (size_t i = 0; i < InterpreterProbe::size(interpreter_, id); ++i)
        if (InterpreterProbe::adjoint(interpreter_, id, i) != 0)
          return "the tape has no adjoint of node " + std::to_string(id);
    for (size_t i = 0; i < InterpreterProbe::size(interpreter_, id); ++i) {
      check(id, value, "value", i, InterpreterProbe::value(interpreter_, id, i));
      if (flows && adjoint != kNoSlot)
        check(id, adjoint, "adjoint", i, InterpreterProbe::adjoint(interpreter_, id, i));
    }
  }
  return first;
}

std::optional<std::string> Containment::tryBox(size_t pairs, Precision precision,
                                               Enclosure::Method method) {
  const double scale = std::ldexp(1.0, -int(random_.below(4) * random_.below(8)));
  std::vector<Interval> box;
  for (size_t c = 0; c < made_.domain.coordinates.size(); ++c)
    box.push_back(randomRange(c, pairs, scale));
  Points points;
  if (!fill(points, box, pairs, scale))
    return std::nullopt;
  interpreter_.evaluate(points.batch(), parameters_, out_, precision,
                        {.gradients = true, .reports = false, .next = false});
  Enclosure enclosure(tape_, made_.domain, precision, rules_);
  enclosure.evaluate(box, method);
  points_ += pairs;
  return compare(points, enclosure, box);
}

} // namespace disco::dsl::facts
