// One fused kernel call per group of parameters; clipping is folded into it as a divisor of the
// gradients.
#include "trainer/Optimizer.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

namespace disco::trainer {

Optimizer::Optimizer(NamedTensors parameters, const TrainConfig &config)
    : config_(config), parameters_(std::move(parameters)), groups_(2) {
  groups_[0].weightDecay = config.weight_decay;
  at::NoGradGuard noGrad;
  for (const auto &[name, tensor] : parameters_) {
    Group &group = groups_[tensor.dim() > 1 ? 0 : 1];
    group.parameters.push_back(tensor);
    group.means.push_back(at::zeros_like(tensor));
    group.squares.push_back(at::zeros_like(tensor));
    group.updates.push_back(at::zeros({}, at::kFloat));
    state_.emplace_back("exp_avg." + name, group.means.back());
    state_.emplace_back("exp_avg_sq." + name, group.squares.back());
  }
}

double Optimizer::gradientNorm() const {
  std::vector<at::Tensor> gradients;
  for (const auto &[name, tensor] : parameters_)
    if (tensor.grad().defined())
      gradients.push_back(tensor.grad());
  double sum = 0;
  for (const at::Tensor &norm : at::_foreach_norm(gradients, 2)) {
    double value = norm.item<float>();
    sum += value * value;
  }
  return std::sqrt(sum);
}

void Optimizer::step(double learningRate, double gradientNorm) {
  at::NoGradGuard noGrad;
  std::optional<at::Tensor> divisor;
  if (config_.max_grad_norm > 0 && gradientNorm > config_.max_grad_norm)
    divisor = at::full({}, gradientNorm / config_.max_grad_norm, at::kFloat);
  for (Group &group : groups_) {
    std::vector<at::Tensor> gradients;
    for (const at::Tensor &tensor : group.parameters)
      gradients.push_back(tensor.grad());
    for (at::Tensor &updates : group.updates)
      updates.add_(1);
    at::_fused_adamw_(group.parameters, gradients, group.means, group.squares, {}, group.updates,
                      learningRate, config_.adam_beta1, config_.adam_beta2, group.weightDecay,
                      config_.adam_epsilon,
                      /*amsgrad=*/false, /*maximize=*/false, divisor);
  }
  zeroGradients();
}

void Optimizer::zeroGradients() {
  for (const auto &[name, tensor] : parameters_)
    tensor.mutable_grad().reset();
}

NamedTensors Optimizer::state() const { return state_; }

void Optimizer::setUpdates(int64_t updates) {
  for (Group &group : groups_)
    for (at::Tensor &tensor : group.updates)
      tensor.fill_(static_cast<double>(updates));
}

} // namespace disco::trainer
