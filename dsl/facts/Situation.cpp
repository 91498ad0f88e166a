#include "dsl/facts/Situation.h"

#include <algorithm>
#include <cmath>

namespace disco::dsl::facts {

Situation::Situation(std::span<const PairValues> pairs, size_t dataColumns,
                     std::vector<double> states, double progress, bool withTokens)
    : pairs_(pairs.size()), progress_(progress), dataColumns_(dataColumns),
      states_(std::move(states)) {
  const auto put = [&](Input input, double value) { columns_[size_t(input)].push_back(value); };
  chosenOffsets_.push_back(0);
  rejectedOffsets_.push_back(0);
  for (const PairValues &pair : pairs) {
    put(Input::policy_chosen_logps, pair.policyChosen);
    put(Input::policy_rejected_logps, pair.policyRejected);
    put(Input::reference_chosen_logps, pair.referenceChosen);
    put(Input::reference_rejected_logps, pair.referenceRejected);
    put(Input::chosen_length, pair.chosenLength);
    put(Input::rejected_length, pair.rejectedLength);
    for (size_t i = 0; i < dataColumns; ++i)
      dataColumns_[i].push_back(pair.columns[i]);
    for (size_t t = 0; withTokens && t < size_t(pair.chosenLength); ++t) {
      put(Input::policy_chosen_token_logps, pair.policyChosen / pair.chosenLength);
      put(Input::reference_chosen_token_logps, pair.referenceChosen / pair.chosenLength);
      put(Input::chosen_token_index, double(t));
      put(Input::chosen_token_kl, pair.chosenKl);
    }
    for (size_t t = 0; withTokens && t < size_t(pair.rejectedLength); ++t) {
      put(Input::policy_rejected_token_logps, pair.policyRejected / pair.rejectedLength);
      put(Input::reference_rejected_token_logps, pair.referenceRejected / pair.rejectedLength);
      put(Input::rejected_token_index, double(t));
      put(Input::rejected_token_kl, pair.rejectedKl);
    }
    chosenOffsets_.push_back(columns_[size_t(Input::policy_chosen_token_logps)].size());
    rejectedOffsets_.push_back(columns_[size_t(Input::policy_rejected_token_logps)].size());
  }
}

Batch Situation::batch() const {
  Batch batch;
  batch.pairs = pairs_;
  batch.progress = progress_;
  for (size_t i = 0; i < kInputCount; ++i)
    batch.columns[i] = columns_[i];
  batch.chosenOffsets = chosenOffsets_;
  batch.rejectedOffsets = rejectedOffsets_;
  dataSpans_.assign(dataColumns_.begin(), dataColumns_.end());
  batch.dataColumns = dataSpans_;
  batch.states = states_;
  return batch;
}

bool readsTokens(const Program &program) {
  return std::any_of(program.nodes.begin(), program.nodes.end(),
                     [](const Node &node) { return isToken(node.type.extent); });
}

std::vector<double> columnDefaults(const Program &program) {
  std::vector<double> defaults;
  for (const Column &column : program.columns)
    defaults.push_back(column.defaultValue.value_or(1));
  return defaults;
}

bool isFinite(const Evaluation &evaluation) {
  const auto finite = [](double x) { return std::isfinite(x); };
  return finite(evaluation.loss) &&
         std::all_of(evaluation.gradients.begin(), evaluation.gradients.end(),
                     [&](const std::vector<double> &gradient) {
                       return std::all_of(gradient.begin(), gradient.end(), finite);
                     });
}

} // namespace disco::dsl::facts
