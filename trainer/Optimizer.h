// AdamW with gradient clipping over all parameters of a model, as torch.optim.AdamW computes it.
#pragma once

#include "trainer/ModelFiles.h"
#include "trainer/TrainConfig.h"

namespace disco::trainer {

class Optimizer {
public:
  /// Weight decay is not applied to biases and layer norms (tensors of rank 1).
  Optimizer(NamedTensors parameters, const TrainConfig &config);

  /// Euclidean norm of all gradients.
  double gradientNorm() const;
  /// One update with the gradients scaled to at most config.max_grad_norm, given their norm; then
  /// the gradients are dropped.
  void step(double learningRate, double gradientNorm);
  /// Drops the gradients.
  void zeroGradients();

  /// Both moments by name, for checkpoints: `exp_avg.NAME` and `exp_avg_sq.NAME`.
  NamedTensors state() const;
  /// Sets how many updates the moments have seen.
  void setUpdates(int64_t updates);

private:
  struct Group {
    double weightDecay = 0;
    std::vector<at::Tensor> parameters, means, squares, updates;
  };
  TrainConfig config_;
  NamedTensors parameters_;
  NamedTensors state_;
  std::vector<Group> groups_;
};

} // namespace disco::trainer
