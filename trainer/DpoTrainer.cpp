// The schedule. Each micro-batch is one forward, an evaluation of the objective and one backward.
// The objective is evaluated on the whole step, so that every mean, size and statistic is the
// step's; values of micro-batches still to come are 0 in it, which is of no consequence while pairs
// are not coupled. Where they are, the log-probabilities of all micro-batches come first, without a
// graph: a forward pass more for the memory of one micro-batch. With `statistics: micro` each
// micro-batch is a step of its own, weighted by its pairs.
#include "trainer/DpoTrainer.h"

#include "dsl/Dsl.h"
#include "trainer/PairForward.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cassert>
#include <cmath>

namespace disco::trainer {
namespace {

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
                       const TrainConfig &config, const Gpt2Model *reference)
    : policy_(policy), objective_(objective), set_(pairs), reference_(reference), config_(config),
      needs_(needsOf(objective.program())), values_(pairs, needs_),
      order_(pairs.pairs.size(), static_cast<size_t>(config.pairsPerStep()), config.seed),
      optimizer_(policy.named(), config),
      steps_(config.steps(static_cast<int64_t>(pairs.pairs.size()))),
      states_(dsl::initialStates(objective.program(), objective.parameters())) {
  assert(reference || !needs_.divergence());
  auto micro = static_cast<size_t>(config.per_device_train_batch_size);
  for (int64_t i = 0; i < config.gradient_accumulation_steps; ++i)
    parts_.push_back({static_cast<size_t>(i) * micro, micro});
}

/// The model on a part of the step; a graph when gradients are enabled.
TokenValues DpoTrainer::forward(Part part) const {
  return forwardPairs(policy_, needs_.divergence() ? reference_ : nullptr, set_,
                      indices_.subspan(part.from, part.count));
}

void DpoTrainer::read(Part part, const TokenValues &values) {
  values_.setPolicy(part, values.logps_M.const_data_ptr<float>(),
                    values.kl_M.defined() ? values.kl_M.const_data_ptr<float>() : nullptr);
}

void DpoTrainer::backward(Part part, const TokenValues &values) {
  float scale = config_.statistics == Statistics::Micro
                    ? static_cast<float>(part.count) / static_cast<float>(values_.pairs())
                    : 1.0f;
  std::vector<at::Tensor> outputs{values.logps_M}, gradients{at::empty_like(values.logps_M)};
  if (values.kl_M.defined()) {
    outputs.push_back(values.kl_M);
    gradients.push_back(at::empty_like(values.kl_M));
  }
  values_.tokenGradients(part, scale, gradients[0].mutable_data_ptr<float>(),
                         values.kl_M.defined() ? gradients[1].mutable_data_ptr<float>() : nullptr);
  torch::autograd::backward(outputs, gradients);
}

DpoTrainer::Step DpoTrainer::step() {
  indices_ = order_.step(static_cast<size_t>(next_));
  for (size_t index : indices_)
    tokens_ += static_cast<int64_t>(set_.pairs[index].chosen.tokens.size() +
                                    set_.pairs[index].rejected.tokens.size());
  values_.begin(indices_, static_cast<double>(next_) / static_cast<double>(steps_), states_);
  last_ = {next_, 0, 0, config_.learningRate(next_, steps_), {}};
  std::vector<double> states;
  std::string failure = computeGradient();
  if (failure.empty())
    failure = computeStates(states);
  if (failure.empty()) {
    last_.gradientNorm = optimizer_.gradientNorm();
    if (!std::isfinite(last_.gradientNorm))
      failure = "the norm of the model's gradient is " + text(last_.gradientNorm);
  }
  if (!failure.empty()) {
    optimizer_.zeroGradients();
    last_.failure = "step " + std::to_string(next_) + ": " + failure;
    return last_;
  }
  optimizer_.step(last_.learningRate, last_.gradientNorm);
  states_ = std::move(states);
  ++next_;
  return last_;
}

/// Where a fault came from, when the objective read what was not finite already: one such number of
/// a batch may be in the loss of every pair.
std::string DpoTrainer::withInputFault(std::string fault) const {
  const StepValues::Fault read = values_.inputFault(values_.whole());
  return read.what.empty() ? fault : fault + "; " + read.what + " for " + values_.nameOf(read.pair);
}

/// What to say of a part whose mean loss is not finite.
std::string DpoTrainer::lossFault(Part part) {
  std::string fault = "the loss is " + text(last_.loss);
  ObjectiveReport found;
  objective_.report(values_.inputs(part), found);
  for (size_t i = 0; i < part.count; ++i)
    if (!std::isfinite(found.losses[i]))
      return withInputFault(fault + ", first that of " + values_.nameOf(part.from + i));
  return withInputFault(fault);
}

/// Loss and gradient of the model's parameters; returns what is not finite.
std::string DpoTrainer::computeGradient() {
  bool micro = config_.statistics == Statistics::Micro;
  bool ahead = needs_.coupled && !micro && parts_.size() > 1;
  auto evaluate = [&](Part part) {
    return objective_.gradient(values_.inputs(part), values_.gradients(part));
  };
  if (ahead) {
    at::NoGradGuard noGrad;
    for (Part part : parts_)
      read(part, forward(part));
    last_.loss = evaluate(values_.whole());
    if (!std::isfinite(last_.loss))
      return lossFault(values_.whole());
  }
  for (Part part : parts_) {
    TokenValues values = forward(part);
    if (!ahead) {
      read(part, values);
      double loss = evaluate(micro ? part : values_.whole());
      if (micro)
        last_.loss += loss * static_cast<double>(part.count) / static_cast<double>(pairs());
      else
        last_.loss = loss; // that of the last micro-batch, when nothing is missing any more
      if (!std::isfinite(last_.loss) && (micro || part.from + part.count == pairs()))
        return lossFault(micro ? part : values_.whole());
    }
    if (StepValues::Fault fault = values_.gradientFault(part); !fault.what.empty())
      return withInputFault("the " + fault.what + ", first that of " + values_.nameOf(fault.pair));
    backward(part, values);
  }
  return {};
}

/// Every `next` over all pairs of the step, from the states before it; returns what is not finite.
std::string DpoTrainer::computeStates(std::vector<double> &states) {
  states = objective_.next(values_.inputs(values_.whole()));
  for (size_t i = 0; i < states.size(); ++i)
    if (!std::isfinite(states[i]))
      return "`next " + objective_.program().states[i].name + "` is " + text(states[i]);
  return {};
}

ObjectiveReport DpoTrainer::report() {
  ObjectiveReport all;
  if (config_.statistics == Statistics::Step) {
    objective_.report(values_.inputs(values_.whole()), all);
    return all;
  }
  for (Part part : parts_) {
    ObjectiveReport one;
    objective_.report(values_.inputs(part), one);
    auto append = [](std::vector<float> &to, const std::vector<float> &from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(all.losses, one.losses);
    append(all.chosenRewards, one.chosenRewards);
    append(all.rejectedRewards, one.rejectedRewards);
    all.metrics.resize(one.metrics.size());
    for (size_t i = 0; i < one.metrics.size(); ++i)
      all.metrics[i] +=
          one.metrics[i] * static_cast<float>(part.count) / static_cast<float>(pairs());
  }
  return all;
}

std::map<std::string, double> DpoTrainer::metrics() {
  ObjectiveReport found = report();
  double accuracy = 0, margin = 0;
  for (size_t i = 0; i < pairs(); ++i) {
    accuracy += found.chosenRewards[i] > found.rejectedRewards[i];
    margin += found.chosenRewards[i] - found.rejectedRewards[i];
  }
  auto count = static_cast<double>(pairs());
  std::map<std::string, double> row{
      {"step", static_cast<double>(last_.index)},
      {"loss", last_.loss},
      {"grad_norm", last_.gradientNorm},
      {"learning_rate", last_.learningRate},
      {"epoch", static_cast<double>(last_.index) / static_cast<double>(order_.stepsPerEpoch())},
      {"num_tokens", static_cast<double>(tokens_)},
      {"rewards/chosen", mean(found.chosenRewards)},
      {"rewards/rejected", mean(found.rejectedRewards)},
      {"rewards/accuracies", accuracy / count},
      {"rewards/margins", margin / count},
      {"logps/chosen", mean(values_.column(dsl::Input::policy_chosen_logps))},
      {"logps/rejected", mean(values_.column(dsl::Input::policy_rejected_logps))}};
  const auto &metrics = objective_.program().metrics;
  for (size_t i = 0; i < metrics.size(); ++i)
    row["objective/" + metrics[i].name] = found.metrics[i];
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

bool DpoTrainer::resumeAt(int64_t next, int64_t tokensSeen, std::vector<double> states) {
  if (states.size() != states_.size())
    return false;
  states_ = std::move(states);
  next_ = next;
  tokens_ = tokensSeen;
  optimizer_.setUpdates(next);
  return true;
}

} // namespace disco::trainer
