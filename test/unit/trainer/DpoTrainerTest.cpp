// The training loop: the first loss, the ways to cut a step into micro-batches, and stopping before
// a non-finite update.
#include "Fixtures.h"

#include <gtest/gtest.h>

namespace disco::trainer {
namespace {

TrainConfig smallTraining() {
  TrainConfig config;
  config.per_device_train_batch_size = 4;
  config.max_steps = 8;
  config.learning_rate = 1e-2;
  config.warmup_ratio = 0;
  return config;
}

struct Training {
  ModelPtr model = createModel(smallConfig(), 7);
  PairSet pairs = randomPairs(8, *model);
  ClosedFormDpo objective;
};

TEST(DpoTrainer, LossOfDpoAtStepZeroIsLogTwo) {
  Training run;
  DpoTrainer trainer(*run.model, run.objective, run.pairs, smallTraining());
  EXPECT_NEAR(trainer.step().loss, 0.6931, 5e-5);
  auto row = trainer.metrics();
  EXPECT_EQ(row.at("step"), 0);
  EXPECT_NEAR(row.at("loss"), 0.6931, 5e-5);
}

TEST(DpoTrainer, LossFalls) {
  Training run;
  DpoTrainer trainer(*run.model, run.objective, run.pairs, smallTraining());
  double first = trainer.step().loss, last = first;
  while (!trainer.done())
    last = trainer.step().loss;
  EXPECT_LT(last, first);
}

TEST(DpoTrainer, CutsIntoMicroBatchesGiveTheSameTraining) {
  auto lossesWith = [](int64_t micro) {
    Training run;
    TrainConfig config = smallTraining();
    config.gradient_accumulation_steps = 8 / micro;
    config.per_device_train_batch_size = micro;
    DpoTrainer trainer(*run.model, run.objective, run.pairs, config);
    std::vector<double> losses;
    while (!trainer.done())
      losses.push_back(trainer.step().loss);
    return losses;
  };
  std::vector<double> whole = lossesWith(8);
  for (int64_t micro : {1, 2, 4}) {
    std::vector<double> cut = lossesWith(micro);
    for (size_t i = 0; i < whole.size(); ++i)
      EXPECT_NEAR(cut[i], whole[i], 1e-3) << "micro-batch " << micro << ", step " << i;
  }
}

void expectStopBeforeUpdate(bool gradientOnly, const std::string &reason) {
  Training run;
  run.objective.poisonedCall = 2;
  run.objective.poisonGradientOnly = gradientOnly;
  DpoTrainer trainer(*run.model, run.objective, run.pairs, smallTraining());
  EXPECT_EQ(trainer.step().failure, "");
  EXPECT_EQ(trainer.step().failure, "");
  std::string before = stateBytes(trainer);
  EXPECT_NE(trainer.step().failure.find(reason), std::string::npos);
  EXPECT_EQ(stateBytes(trainer), before);
}

TEST(DpoTrainer, NonFiniteLossStopsBeforeTheUpdate) {
  expectStopBeforeUpdate(false, "the loss is NaN at step 2");
}

TEST(DpoTrainer, NonFiniteGradientStopsBeforeTheUpdate) {
  expectStopBeforeUpdate(true, "the gradient of pair 0 is NaN at step 2");
}

TEST(DpoTrainer, FirstUpdateOfAdamWMovesEachWeightByTheLearningRate) {
  Training run;
  at::Tensor before = run.model->lnfBias_D.detach().clone();
  TrainConfig config = smallTraining();
  config.max_grad_norm = 0;
  DpoTrainer trainer(*run.model, run.objective, run.pairs, config);
  trainer.step();
  // m / sqrt(v) is the gradient's sign after one update, wherever the gradient is far above
  // epsilon.
  at::Tensor moved = (run.model->lnfBias_D.detach() - before).abs();
  for (int64_t i = 0; i < moved.numel(); ++i)
    EXPECT_NEAR(moved[i].item<float>(), 1e-2, 1e-4);
}

TEST(DataOrder, EveryEpochIsAPermutationAndAnyStepCanBeLookedUp) {
  DataOrder inOrder(10, 2, 1), jumping(10, 2, 1);
  std::vector<size_t> last;
  for (size_t epoch = 0; epoch < 2; ++epoch) {
    std::vector<size_t> seen;
    for (size_t step = 0; step < 5; ++step)
      for (size_t item : inOrder.step(epoch * 5 + step))
        seen.push_back(item);
    EXPECT_NE(seen, last);
    last = seen;
    std::sort(seen.begin(), seen.end());
    for (size_t i = 0; i < 10; ++i)
      EXPECT_EQ(seen[i], i);
  }
  auto direct = jumping.step(9);
  EXPECT_EQ(std::vector<size_t>(direct.begin(), direct.end()),
            std::vector<size_t>(last.end() - 2, last.end()));
}

} // namespace
} // namespace disco::trainer
