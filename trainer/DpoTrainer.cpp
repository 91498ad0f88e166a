// The schedule: with one micro-batch a step is one forward and one backward. With several, the
// objective needs the log-probabilities of all of them before any gradient exists, so they run once
// without a graph, and again one at a time with it. That costs a forward pass and keeps the memory
// of one micro-batch; any objective is exact, batch statistics included.
#include "trainer/DpoTrainer.h"

#include "trainer/Head.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

namespace disco::trainer {
namespace {

std::vector<float> &column(std::array<std::vector<float>, dsl::kInputCount> &columns,
                           dsl::Input input) {
  return columns[static_cast<size_t>(input)];
}

std::string text(double value) {
  return std::isnan(value)   ? "NaN"
         : std::isinf(value) ? (value > 0 ? "Infinity" : "-Infinity")
                             : std::to_string(value);
}

double mean(std::span<const float> values) {
  double sum = 0;
  for (float value : values)
    sum += value;
  return sum / static_cast<double>(values.size());
}

} // namespace

DpoTrainer::DpoTrainer(Gpt2Model &policy, Objective &objective, const PairSet &pairs,
                       const TrainConfig &config)
    : policy_(policy), objective_(objective), set_(pairs), config_(config),
      order_(pairs.pairs.size(), static_cast<size_t>(config.pairsPerStep()), config.seed),
      optimizer_(policy.named(), config),
      steps_(config.steps(static_cast<int64_t>(pairs.pairs.size()))) {
  auto count = static_cast<size_t>(config.pairsPerStep());
  for (std::vector<float> &values : columns_)
    values.assign(count, 0.0f);
  dChosen_.assign(count, 0.0f);
  dRejected_.assign(count, 0.0f);
}

/// Chosen sequences, then rejected ones.
TokenBatch DpoTrainer::batchOf(std::span<const size_t> indices) const {
  std::vector<const Sequence *> sequences;
  for (size_t index : indices)
    sequences.push_back(&set_.pairs[index].chosen);
  for (size_t index : indices)
    sequences.push_back(&set_.pairs[index].rejected);
  return TokenBatch(sequences);
}

ObjectiveInputs DpoTrainer::inputs() const {
  ObjectiveInputs inputs;
  inputs.pairs = dChosen_.size();
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    if (dsl::inputExtent(static_cast<dsl::Input>(i)) == dsl::Extent::Pair)
      inputs.columns[i] = columns_[i];
  return inputs;
}

/// Empty when loss and gradient are finite, else what is wrong.
std::string DpoTrainer::checkObjective(float loss) const {
  if (!std::isfinite(loss))
    return "the loss is " + text(loss) + " at step " + std::to_string(next_);
  for (size_t i = 0; i < dChosen_.size(); ++i)
    if (!std::isfinite(dChosen_[i]) || !std::isfinite(dRejected_[i]))
      return "the gradient of pair " + std::to_string(i) + " is " +
             text(std::isfinite(dChosen_[i]) ? dRejected_[i] : dChosen_[i]) + " at step " +
             std::to_string(next_);
  return {};
}

DpoTrainer::Step DpoTrainer::step() {
  std::span<const size_t> indices = order_.step(static_cast<size_t>(next_));
  auto &policyChosen = column(columns_, dsl::Input::policy_chosen_logps);
  auto &policyRejected = column(columns_, dsl::Input::policy_rejected_logps);
  for (size_t i = 0; i < indices.size(); ++i) {
    const TokenizedPair &pair = set_.pairs[indices[i]];
    if (!set_.referenceChosen.empty()) {
      column(columns_, dsl::Input::reference_chosen_logps)[i] = set_.referenceChosen[indices[i]];
      column(columns_, dsl::Input::reference_rejected_logps)[i] =
          set_.referenceRejected[indices[i]];
    }
    column(columns_, dsl::Input::chosen_length)[i] = static_cast<float>(pair.chosen.scoredLength());
    tokens_ += static_cast<int64_t>(pair.chosen.tokens.size() + pair.rejected.tokens.size());
    column(columns_, dsl::Input::rejected_length)[i] =
        static_cast<float>(pair.rejected.scoredLength());
  }

  auto micro = static_cast<size_t>(config_.per_device_train_batch_size);
  bool single = micro == indices.size();
  auto logps = [&](const TokenBatch &batch) {
    return sequenceLogps(policy_.hidden(batch), policy_.wte_VD, batch);
  };
  auto read = [&](const at::Tensor &logps_B, size_t from) {
    const float *values = logps_B.const_data_ptr<float>();
    std::copy_n(values, micro, policyChosen.begin() + static_cast<ptrdiff_t>(from));
    std::copy_n(values + micro, micro, policyRejected.begin() + static_cast<ptrdiff_t>(from));
  };
  at::Tensor whole_B;
  if (single) {
    TokenBatch batch = batchOf(indices);
    whole_B = logps(batch);
    read(whole_B, 0);
  } else {
    at::NoGradGuard noGrad;
    for (size_t from = 0; from < indices.size(); from += micro) {
      TokenBatch batch = batchOf(indices.subspan(from, micro));
      read(logps(batch), from);
    }
  }

  last_ = {next_, 0, 0, config_.learningRate(next_, steps_), {}};
  float loss = objective_.gradient(inputs(), dChosen_, dRejected_);
  last_.loss = loss;
  last_.failure = checkObjective(loss);
  if (!last_.failure.empty())
    return last_;

  auto backward = [&](const at::Tensor &logps_B, size_t from) {
    at::Tensor gradient_B = at::empty({static_cast<int64_t>(2 * micro)}, at::kFloat);
    float *values = gradient_B.mutable_data_ptr<float>();
    std::copy_n(dChosen_.begin() + static_cast<ptrdiff_t>(from), micro, values);
    std::copy_n(dRejected_.begin() + static_cast<ptrdiff_t>(from), micro, values + micro);
    logps_B.backward(gradient_B);
  };
  if (single)
    backward(whole_B, 0);
  else
    for (size_t from = 0; from < indices.size(); from += micro)
      backward(logps(batchOf(indices.subspan(from, micro))), from);

  last_.gradientNorm = optimizer_.gradientNorm();
  if (!std::isfinite(last_.gradientNorm)) {
    last_.failure = "the norm of the model's gradient is " + text(last_.gradientNorm) +
                    " at step " + std::to_string(next_);
    optimizer_.zeroGradients();
    return last_;
  }
  optimizer_.step(last_.learningRate, last_.gradientNorm);
  ++next_;
  return last_;
}

std::map<std::string, double> DpoTrainer::metrics() {
  ObjectiveReport report;
  objective_.report(inputs(), report);
  double accuracy = 0, margin = 0;
  for (size_t i = 0; i < dChosen_.size(); ++i) {
    accuracy += report.chosenRewards[i] > report.rejectedRewards[i];
    margin += report.chosenRewards[i] - report.rejectedRewards[i];
  }
  auto pairs = static_cast<double>(dChosen_.size());
  std::map<std::string, double> row{
      {"step", static_cast<double>(last_.index)},
      {"loss", last_.loss},
      {"grad_norm", last_.gradientNorm},
      {"learning_rate", last_.learningRate},
      {"epoch", static_cast<double>(last_.index) / static_cast<double>(order_.stepsPerEpoch())},
      {"num_tokens", static_cast<double>(tokens_)},
      {"rewards/chosen", mean(report.chosenRewards)},
      {"rewards/rejected", mean(report.rejectedRewards)},
      {"rewards/accuracies", accuracy / pairs},
      {"rewards/margins", margin / pairs},
      {"logps/chosen", mean(column(columns_, dsl::Input::policy_chosen_logps))},
      {"logps/rejected", mean(column(columns_, dsl::Input::policy_rejected_logps))}};
  const auto &metrics = objective_.program().metrics;
  for (size_t i = 0; i < metrics.size(); ++i)
    row["objective/" + metrics[i].name] = report.metrics[i];
  return row;
}

NamedTensors DpoTrainer::tensors() const {
  NamedTensors all = policy_.named();
  for (auto &tensor : all)
    tensor.second = tensor.second.detach();
  NamedTensors state = optimizer_.state();
  all.insert(all.end(), state.begin(), state.end());
  return all;
}

void DpoTrainer::resumeAt(int64_t next, int64_t tokensSeen) {
  next_ = next;
  tokens_ = tokensSeen;
  optimizer_.setUpdates(next);
}

} // namespace disco::trainer
