#include "dsl/facts/Boxes.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace disco::dsl::facts {

namespace {

bool reads(const Program &program, Input input) {
  return std::any_of(program.nodes.begin(), program.nodes.end(), [&](const Node &node) {
    return node.op == Op::Input && Input(node.index) == input;
  });
}

bool isInside(const PairValues &pair, Box which) {
  const BoxLimits limits = limitsOf(which);
  const auto logp = [&](double x) { return x <= 0 && x >= -limits.logps; };
  const double chosen = pair.policyChosen - pair.referenceChosen;
  const double rejected = pair.policyRejected - pair.referenceRejected;
  return logp(pair.policyChosen) && logp(pair.policyRejected) && logp(pair.referenceChosen) &&
         logp(pair.referenceRejected) && std::fabs(chosen - rejected) <= limits.margin &&
         (which != Box::Step0 || (chosen == 0 && rejected == 0));
}

/// Coordinates that the leaves need, made on demand.
class Maker {
public:
  Maker(BoxDomain &made, Box which) : made_(made), limits_(limitsOf(which)), which_(which) {}

  uint32_t coordinate(Role role, uint32_t index, Interval range, bool whole = false) {
    const auto [found, isNew] =
        seen_.try_emplace({role, index}, uint32_t(made_.domain.coordinates.size()));
    if (isNew) {
      made_.domain.coordinates.push_back({range, whole});
      made_.roles.push_back(role);
      made_.indices.push_back(index);
    }
    return found->second;
  }
  LeafForm alone(uint32_t coordinate, bool varies = false) {
    return {.terms = {{coordinate, 1.0}}, .varies = varies};
  }
  uint32_t reference(bool chosen) {
    return coordinate(chosen ? Role::ReferenceChosen : Role::ReferenceRejected, 0, logps());
  }
  /// reference + mean of the ratios +- half the margin.
  LeafForm policy(bool chosen) {
    if (which_ == Box::Step0)
      return alone(reference(chosen));
    const uint32_t margin = coordinate(Role::Margin, 0, within(limits_.margin));
    const uint32_t common = coordinate(Role::Common, 0, within(limits_.logps));
    return {.terms = {{reference(chosen), 1.0}, {common, 1.0}, {margin, chosen ? 0.5 : -0.5}},
            .limits = logps()};
  }
  LeafForm length(bool chosen) {
    return alone(coordinate(chosen ? Role::ChosenLength : Role::RejectedLength, 0,
                            {1, limits_.length}, true));
  }
  LeafForm token(Input input, Interval range, bool whole = false) {
    return alone(coordinate(Role::Token, uint32_t(input), range, whole), true);
  }
  LeafForm input(Input input);
  Interval logps() const { return {-limits_.logps, 0}; }
  Interval within(double reach) const { return {-reach, reach}; }
  const BoxLimits &limits() const { return limits_; }

private:
  BoxDomain &made_;
  BoxLimits limits_;
  Box which_;
  std::map<std::pair<Role, uint32_t>, uint32_t> seen_;
};

LeafForm Maker::input(Input input) {
  const bool step0 = which_ == Box::Step0;
  switch (input) {
  case Input::policy_chosen_logps:
  case Input::policy_rejected_logps:
    return policy(input == Input::policy_chosen_logps);
  case Input::reference_chosen_logps:
  case Input::reference_rejected_logps:
    return alone(reference(input == Input::reference_chosen_logps));
  case Input::chosen_length:
  case Input::rejected_length:
    return length(input == Input::chosen_length);
  case Input::batch_size:
    return alone(made_.pairs = coordinate(Role::Pairs, 0, {1, limits_.pairs}, true));
  case Input::progress:
    return alone(coordinate(Role::Progress, 0, {0, 1}));
  case Input::policy_chosen_token_logps:
    return token(step0 ? Input::reference_chosen_token_logps : input, logps());
  case Input::policy_rejected_token_logps:
    return token(step0 ? Input::reference_rejected_token_logps : input, logps());
  case Input::reference_chosen_token_logps:
  case Input::reference_rejected_token_logps:
    return token(input, logps());
  case Input::chosen_token_index:
  case Input::rejected_token_index:
    return token(input, {0, limits_.length - 1}, true);
  case Input::chosen_token_kl:
  case Input::rejected_token_kl:
    return token(input, {0, step0 ? 0 : limits_.logps});
  }
  return {};
}

} // namespace

std::string_view boxName(Box box) {
  return box == Box::Step0 ? "step0" : box == Box::Operating ? "operating" : "adversarial";
}

BoxLimits limitsOf(Box box) {
  if (box == Box::Adversarial)
    return {.logps = 1e5, .margin = 2e4, .length = 65536, .pairs = 4096};
  return {.logps = 4000, .margin = box == Box::Step0 ? 0.0 : 2000, .length = 4096, .pairs = 4096};
}

BoxDomain boxDomain(const Tape &tape, const Program &program, std::span<const double> parameters,
                    std::span<const Interval> states, Box box) {
  BoxDomain made;
  Maker maker(made, box);
  for (const TapeLeaf &leaf : tape.leaves()) {
    LeafForm form;
    switch (leaf.op) {
    case Op::Constant:
      form = {.centre = leaf.constant, .rounds = true};
      break;
    case Op::Parameter:
      form = {.centre = parameters[leaf.index], .rounds = true};
      break;
    case Op::Column:
      form = maker.alone(
          maker.coordinate(Role::Column, leaf.index, maker.within(maker.limits().logps)));
      break;
    case Op::State:
      form = maker.alone(maker.coordinate(Role::State, leaf.index, states[leaf.index]));
      form.rounds = true; // kept in double
      break;
    default:
      form = maker.input(Input(leaf.index));
      break;
    }
    made.domain.leaves.push_back(std::move(form));
  }
  return made;
}

std::vector<PairValues> pairAt(const BoxDomain &box, const Program &program, Box which,
                               std::span<const double> point) {
  PairValues pair{
      .referenceChosen = -60, .referenceRejected = -60, .columns = columnDefaults(program)};
  double margin = 0, common = 0;
  for (size_t i = 0; i < point.size(); ++i)
    switch (box.roles[i]) {
    case Role::Margin:
      margin = point[i];
      break;
    case Role::Common:
      common = point[i];
      break;
    case Role::ReferenceChosen:
      pair.referenceChosen = float(point[i]);
      break;
    case Role::ReferenceRejected:
      pair.referenceRejected = float(point[i]);
      break;
    case Role::ChosenLength:
      pair.chosenLength = point[i];
      break;
    case Role::RejectedLength:
      pair.rejectedLength = point[i];
      break;
    case Role::Token:
      if (Input(box.indices[i]) == Input::chosen_token_kl)
        pair.chosenKl = float(point[i]);
      if (Input(box.indices[i]) == Input::rejected_token_kl)
        pair.rejectedKl = float(point[i]);
      break;
    case Role::Column:
      pair.columns[box.indices[i]] = float(point[i]);
      break;
    case Role::Pairs:
    case Role::Progress:
    case Role::State:
      break;
    }
  // Where the policy's number would leave the box, both models' move together.
  const auto place = [&](double ratio, double &policy, double &reference) {
    reference = float(std::min(reference, -ratio));
    policy = float(std::min(reference + ratio, 0.0));
  };
  place(common + margin / 2, pair.policyChosen, pair.referenceChosen);
  place(common - margin / 2, pair.policyRejected, pair.referenceRejected);
  if (!isInside(pair, which))
    return {};
  return {pair};
}

std::vector<PairValues> probes(const Program &program, Box which) {
  const BoxLimits limits = limitsOf(which);
  std::vector<double> margins{0};
  for (double size : {1e-45, 1e-30, 1e-6, 1e-3, 0.1, 1.0, 10.0, 50.0, 88.0, 89.0, 104.0, 500.0,
                      1774.0, 1775.0, 2e3, 1e4, 2e4})
    if (size <= limits.margin) {
      margins.push_back(size);
      margins.push_back(-size);
    }
  const bool lengths = readsTokens(program) || reads(program, Input::chosen_length) ||
                       reads(program, Input::rejected_length);
  std::vector<std::pair<double, double>> counts{{1, 1}}; // of the chosen and the rejected tokens
  if (lengths)
    counts = {{1, 1}, {30, 30}, {1, 30}, {30, 1}};
  std::vector<std::vector<double>> columns{columnDefaults(program)};
  for (double value : {0.0, -1.0, limits.logps, -limits.logps})
    if (!program.columns.empty())
      columns.emplace_back(program.columns.size(), value);

  std::vector<PairValues> pairs;
  for (const std::vector<double> &column : columns)
    for (const auto &[chosenCount, rejectedCount] : counts)
      for (double margin : margins)
        for (double chosenShare : {0.5, 1.0, 0.0})
          for (double common : {0.0, -limits.logps / 4, limits.logps / 4})
            for (double base : {0.0, -1e-6, -60.0, -limits.logps}) {
              const double u = common + chosenShare * margin;
              const double v = common - (1 - chosenShare) * margin;
              // Policy at the base, or below it where the ratio is negative.
              PairValues pair{
                  .chosenLength = chosenCount, .rejectedLength = rejectedCount, .columns = column};
              const auto place = [&](double ratio, double &policy, double &reference) {
                policy = std::clamp(base + std::min(ratio, 0.0), -limits.logps, 0.0);
                reference = policy - ratio;
                if (reference < -limits.logps)
                  policy += -limits.logps - reference, reference = -limits.logps;
                policy = float(policy);
                reference = float(reference);
              };
              place(u, pair.policyChosen, pair.referenceChosen);
              place(v, pair.policyRejected, pair.referenceRejected);
              if (isInside(pair, which))
                pairs.push_back(std::move(pair));
            }
  return pairs;
}

} // namespace disco::dsl::facts
