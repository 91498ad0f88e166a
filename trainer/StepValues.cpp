// Both sides go through the same code: a table says which inputs and which part of a pair are
// whose.
#include "trainer/StepValues.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace disco::trainer {
namespace {

using dsl::Input;

struct Side {
  Input policy, policyTokens, reference, referenceTokens, length, index, kl;
  Sequence TokenizedPair::*sequence;
  SideLogps PairSet::*cached;
};
constexpr Side kChosen{Input::policy_chosen_logps,    Input::policy_chosen_token_logps,
                       Input::reference_chosen_logps, Input::reference_chosen_token_logps,
                       Input::chosen_length,          Input::chosen_token_index,
                       Input::chosen_token_kl,        &TokenizedPair::chosen,
                       &PairSet::referenceChosen};
constexpr Side kRejected{Input::policy_rejected_logps,    Input::policy_rejected_token_logps,
                         Input::reference_rejected_logps, Input::reference_rejected_token_logps,
                         Input::rejected_length,          Input::rejected_token_index,
                         Input::rejected_token_kl,        &TokenizedPair::rejected,
                         &PairSet::referenceRejected};

/// In the order in which a model's results lie.
constexpr std::array kSides{kChosen, kRejected};

float sum(std::span<const float> values) {
  return std::accumulate(values.begin(), values.end(), 0.0f);
}

/// One side of some pairs' offsets, counted from the first of them.
void rebase(std::span<const size_t> offsets, Part part, std::vector<size_t> &out) {
  out.clear();
  for (size_t i = 0; i <= part.count; ++i)
    out.push_back(offsets[part.from + i] - offsets[part.from]);
}

std::string text(float value) {
  return std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

} // namespace

StepValues::StepValues(const PairSet &set, const Needs &needs)
    : set_(set), needs_(needs), dataColumns_(set.columns.size()) {}

void StepValues::begin(std::span<const size_t> indices, double progress,
                       std::span<const double> states) {
  indices_ = indices;
  pairs_ = indices.size();
  progress_ = progress;
  states_.assign(states.begin(), states.end());
  for (std::vector<float> &values : columns_)
    values.clear();
  for (size_t c = 0; c < dataColumns_.size(); ++c) {
    dataColumns_[c].clear();
    for (size_t index : indices)
      dataColumns_[c].push_back(set_.columns[c][index]);
  }
  auto values = [&](Input input) -> std::vector<float> & {
    return columns_[static_cast<size_t>(input)];
  };
  for (size_t s = 0; s < kSides.size(); ++s) {
    const Side &side = kSides[s];
    std::vector<size_t> &offsets = offsets_[s];
    offsets = {0};
    for (size_t index : indices) {
      auto length = static_cast<size_t>((set_.pairs[index].*side.sequence).scoredLength());
      offsets.push_back(offsets.back() + length);
      values(side.length).push_back(static_cast<float>(length));
      if (needs_.reads(side.reference))
        values(side.reference).push_back(sum((set_.*side.cached).of(index)));
      if (needs_.reads(side.referenceTokens)) {
        std::span<const float> logps = (set_.*side.cached).of(index);
        values(side.referenceTokens)
            .insert(values(side.referenceTokens).end(), logps.begin(), logps.end());
      }
      if (needs_.reads(side.index))
        for (size_t t = 0; t < length; ++t)
          values(side.index).push_back(static_cast<float>(t));
    }
    values(side.policy).assign(pairs_, 0.0f);
    for (Input input : {side.policyTokens, side.kl})
      if (needs_.reads(input))
        values(input).assign(offsets.back(), 0.0f);
    for (Input input : {side.policy, side.policyTokens, side.kl})
      gradients_[static_cast<size_t>(input)].assign(values(input).size(), 0.0f);
  }
}

void StepValues::setPolicy(Part part, const float *logps, const float *kl) {
  for (size_t s = 0; s < kSides.size(); ++s) {
    const Side &side = kSides[s];
    const std::vector<size_t> &offsets = offsets_[s];
    size_t begin = offsets[part.from], count = offsets[part.from + part.count] - begin;
    for (size_t i = part.from; i < part.from + part.count; ++i)
      columns_[static_cast<size_t>(side.policy)][i] =
          sum({logps + (offsets[i] - begin), offsets[i + 1] - offsets[i]});
    auto copy = [&](Input input, const float *from) {
      if (needs_.reads(input))
        std::copy_n(from, count,
                    columns_[static_cast<size_t>(input)].begin() + static_cast<ptrdiff_t>(begin));
    };
    copy(side.policyTokens, logps);
    copy(side.kl, kl);
    logps += count;
    if (kl)
      kl += count;
  }
}

/// Where a part lies in the values of an input.
std::array<size_t, 2> StepValues::range(Input input, Part part) const {
  size_t end = part.from + part.count;
  switch (dsl::inputExtent(input)) {
  case dsl::Extent::Batch:
    return {0, 0};
  case dsl::Extent::Pair:
    return {part.from, end};
  case dsl::Extent::ChosenToken:
    return {offsets_[0][part.from], offsets_[0][end]};
  case dsl::Extent::RejectedToken:
    return {offsets_[1][part.from], offsets_[1][end]};
  }
  return {0, 0};
}

ObjectiveInputs StepValues::inputs(Part part) {
  for (size_t s = 0; s < kSides.size(); ++s)
    rebase(offsets_[s], part, partOffsets_[s]);
  ObjectiveInputs inputs;
  inputs.pairs = part.count;
  inputs.progress = progress_;
  inputs.chosenOffsets = partOffsets_[0];
  inputs.rejectedOffsets = partOffsets_[1];
  inputs.states = states_;
  for (const std::vector<float> &values : dataColumns_)
    inputs.dataColumns.push_back(std::span(values).subspan(part.from, part.count));
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    if (!columns_[i].empty()) {
      auto [from, to] = range(static_cast<Input>(i), part);
      inputs.columns[i] = std::span(columns_[i]).subspan(from, to - from);
    }
  return inputs;
}

ObjectiveGradients StepValues::gradients(Part part) {
  ObjectiveGradients gradients;
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    if (!gradients_[i].empty()) {
      auto [from, to] = range(static_cast<Input>(i), part);
      gradients[i] = std::span(gradients_[i]).subspan(from, to - from);
    }
  return gradients;
}

StepValues::Fault StepValues::gradientFault(Part part) {
  for (size_t i = part.from; i < part.from + part.count; ++i)
    for (std::span<const float> values : gradients({i, 1}))
      for (float value : values)
        if (!std::isfinite(value))
          return {i, "gradient is " + text(value)};
  return {};
}

StepValues::Fault StepValues::inputFault(Part part) const {
  for (size_t i = part.from; i < part.from + part.count; ++i) {
    for (size_t input = 0; input < dsl::kInputCount; ++input) {
      if (columns_[input].empty())
        continue;
      auto [from, to] = range(static_cast<Input>(input), {i, 1});
      for (float value : std::span(columns_[input]).subspan(from, to - from))
        if (!std::isfinite(value))
          return {i, "`" + std::string(dsl::inputName(static_cast<Input>(input))) + "` is " +
                         text(value)};
    }
  }
  return {};
}

std::string StepValues::nameOf(size_t pair) const {
  return "pair " + std::to_string(pair) + " (line " + std::to_string(set_.lines[indices_[pair]]) +
         " of the pairs)";
}

void StepValues::tokenGradients(Part part, float scale, float *dLogps, float *dKl) {
  for (size_t s = 0; s < kSides.size(); ++s) {
    const Side &side = kSides[s];
    for (size_t i = part.from; i < part.from + part.count; ++i) {
      ObjectiveGradients pair = gradients({i, 1});
      float ofSum = pair[static_cast<size_t>(side.policy)][0];
      std::span<float> ofTokens = pair[static_cast<size_t>(side.policyTokens)];
      std::span<float> ofKl = pair[static_cast<size_t>(side.kl)];
      for (size_t t = 0; t < offsets_[s][i + 1] - offsets_[s][i]; ++t) {
        *dLogps++ = scale * (ofSum + (ofTokens.empty() ? 0 : ofTokens[t]));
        if (dKl)
          *dKl++ = ofKl.empty() ? 0 : scale * ofKl[t];
      }
    }
  }
}

} // namespace disco::trainer
