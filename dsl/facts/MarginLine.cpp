#include "dsl/facts/MarginLine.h"

#include "dsl/Dsl.h"

#include <numeric>

namespace disco::dsl::facts {

MarginLine::MarginLine(const Program &program, std::span<const double> parameters)
    : program_(program), parameters_(parameters.begin(), parameters.end()),
      states_(initialStates(program, parameters)), withTokens_(readsTokens(program)),
      interpreter_(program) {}

Situation MarginLine::situationAt(double margin) const {
  const double half = margin / 2;
  const PairValues pair{.policyChosen = kReference + half,
                        .policyRejected = kReference - half,
                        .referenceChosen = kReference,
                        .referenceRejected = kReference,
                        .chosenLength = kTokens,
                        .rejectedLength = kTokens,
                        .columns = columnDefaults(program_)};
  return Situation({&pair, 1}, program_.columns.size(), states_, 0, withTokens_);
}

MarginLine::Point MarginLine::at(double margin, Precision precision) {
  const Situation situation = situationAt(margin);
  interpreter_.evaluate(situation.batch(), parameters_, out_, precision, {true, false, false});
  // Of a completion: its sum, and its tokens, each of which moves by its part.
  const auto gradient = [&](Input sum, Input tokens) {
    const std::vector<double> &ofSum = out_.gradients[size_t(sum)];
    const std::vector<double> &ofTokens = out_.gradients[size_t(tokens)];
    return (ofSum.empty() ? 0 : ofSum[0]) +
           std::accumulate(ofTokens.begin(), ofTokens.end(), 0.0) / kTokens;
  };
  Point point{.margin = margin};
  point.loss = out_.loss;
  point.chosen = gradient(Input::policy_chosen_logps, Input::policy_chosen_token_logps);
  point.rejected = gradient(Input::policy_rejected_logps, Input::policy_rejected_token_logps);
  point.slope = (point.chosen - point.rejected) / 2;
  point.finite = isFinite(out_);
  return point;
}

Domain MarginLine::domain(const Tape &tape, const Interval &margins) const {
  const std::vector<double> columns = columnDefaults(program_);
  const auto form = [&](const TapeLeaf &leaf) -> LeafForm {
    const auto fixed = [](double value) { return LeafForm{.centre = value, .rounds = true}; };
    const auto moving = [](double centre, double factor) {
      return LeafForm{.centre = centre, .terms = {{0, factor}}, .rounds = true};
    };
    switch (leaf.op) {
    case Op::Constant:
      return fixed(leaf.constant);
    case Op::Parameter:
      return fixed(parameters_[leaf.index]);
    case Op::Column:
      return fixed(columns[leaf.index]);
    case Op::State:
      return fixed(states_[leaf.index]);
    default:
      break;
    }
    switch (Input(leaf.index)) {
    case Input::policy_chosen_logps:
      return moving(kReference, 0.5);
    case Input::policy_rejected_logps:
      return moving(kReference, -0.5);
    case Input::reference_chosen_logps:
    case Input::reference_rejected_logps:
      return fixed(kReference);
    case Input::chosen_length:
    case Input::rejected_length:
      return fixed(kTokens);
    case Input::batch_size:
      return fixed(1);
    case Input::policy_chosen_token_logps:
      return moving(kReference / kTokens, 0.5 / kTokens);
    case Input::policy_rejected_token_logps:
      return moving(kReference / kTokens, -0.5 / kTokens);
    case Input::reference_chosen_token_logps:
    case Input::reference_rejected_token_logps:
      return fixed(kReference / kTokens);
    case Input::chosen_token_index:
    case Input::rejected_token_index:
      return {.centre = (kTokens - 1) / 2, .terms = {{1, 1.0}}, .rounds = true, .varies = true};
    case Input::progress:
    case Input::chosen_token_kl:
    case Input::rejected_token_kl:
      break;
    }
    return fixed(0);
  };
  Domain domain;
  domain.coordinates = {{margins}, {{-(kTokens - 1) / 2, (kTokens - 1) / 2}}};
  for (const TapeLeaf &leaf : tape.leaves())
    domain.leaves.push_back(form(leaf));
  return domain;
}

} // namespace disco::dsl::facts
