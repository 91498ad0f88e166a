// The training loop: the first loss, the ways to cut a step into micro-batches, and stopping before
// a non-finite update.
#include "Fixtures.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <numeric>

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
  expectStopBeforeUpdate(false, "step 2: the loss is NaN");
}

TEST(DpoTrainer, NonFiniteGradientStopsBeforeTheUpdate) {
  expectStopBeforeUpdate(true, "step 2: the gradient is NaN, first that of pair 0 (line ");
}

/// A training of an objective given as text.
struct TextTraining {
  explicit TextTraining(const std::string &items) {
    objective = interpretedObjective(compiled("objective x { " + items + " }"), {});
    trainer.emplace(*model, *objective, pairs, smallTraining());
  }
  ModelPtr model = createModel(smallConfig(), 7);
  PairSet pairs = randomPairs(8, *model);
  std::unique_ptr<Objective> objective;
  std::optional<DpoTrainer> trainer;
};

TEST(DpoTrainer, ANonFiniteStateStopsBeforeTheUpdate) {
  TextTraining run("state s = 2; next s = exp(40 * s); loss = -min(s, 3) * policy_chosen_logps;");
  EXPECT_EQ(run.trainer->step().failure, "");
  std::string before = stateBytes(*run.trainer);
  double state = run.trainer->states().at(0);
  EXPECT_EQ(run.trainer->step().failure, "step 1: `next s` is Infinity");
  EXPECT_EQ(stateBytes(*run.trainer), before);
  EXPECT_EQ(run.trainer->states().at(0), state);
}

/// Why the first step, over all 8 pairs, which come from the lines 100 to 107, stops.
std::string failureOf(const std::string &loss, const std::function<void(PairSet &)> &spoil) {
  ModelPtr model = createModel(smallConfig(), 7);
  PairSet pairs = randomPairs(8, *model);
  pairs.columns = {std::vector<float>(8, 1)};
  std::iota(pairs.lines.begin(), pairs.lines.end(), 100);
  spoil(pairs);
  std::unique_ptr<Objective> objective =
      interpretedObjective(compiled("objective x { column weight; loss = " + loss +
                                    "; reward chosen = 0; reward rejected = 0; }"),
                           {});
  TrainConfig config = smallTraining();
  config.per_device_train_batch_size = 8;
  return DpoTrainer(*model, *objective, pairs, config).step().failure;
}

void expectParts(const std::string &text, std::initializer_list<const char *> parts) {
  size_t from = 0;
  for (const char *part : parts) {
    const size_t at = text.find(part, from);
    ASSERT_NE(at, std::string::npos) << "`" << part << "` in: " << text;
    from = at;
  }
}

TEST(DpoTrainer, ANonFiniteStepNamesTheFirstPairAndItsLine) {
  const auto zeroWeight = [](PairSet &pairs) { pairs.columns[0][3] = 0; };
  expectParts(failureOf("softplus(-margin) / weight", zeroWeight),
              {"step 0: the loss is Infinity, first that of pair ", "(line 103 of the pairs)"});
  // x - x as a value, and 3e41 as a slope.
  expectParts(failureOf("weight * 3e38 * (policy_chosen_logps - detach(policy_chosen_logps))",
                        [](PairSet &pairs) {
                          pairs.columns[0].assign(8, 0);
                          pairs.columns[0][3] = 1000;
                        }),
              {"step 0: the gradient is Infinity, first that of pair ", "(line 103 of the pairs)"});
}

// In a loss that couples its pairs every one is undefined then.
TEST(DpoTrainer, ANonFiniteStepNamesTheNumberThatTheObjectiveRead) {
  const auto undefined = [](PairSet &pairs) {
    pairs.referenceChosen.tokens[pairs.referenceChosen.offsets[5]] = NAN;
  };
  expectParts(failureOf("softplus(-margin * weight + batch_mean(margin))", undefined),
              {"step 0: the loss is NaN, first that of pair 0 (line ",
               "; `reference_chosen_logps` is NaN for pair ", "(line 105 of the pairs)"});
}

TEST(DpoTrainer, MetricsReadTheStateThatTheLossRead) {
  TextTraining run("state s = 3; next s = s + 1; metric s = s; loss = -s * policy_chosen_logps;");
  for (double expected : {3, 4, 5}) {
    run.trainer->step();
    for (int evaluation = 0; evaluation < 2; ++evaluation) // which never runs `next`
      EXPECT_EQ(run.trainer->metrics().at("objective/s"), expected);
    EXPECT_EQ(run.trainer->states().at(0), expected + 1);
  }
}

TEST(DpoTrainer, ProgressIsTheShareOfThePlannedStepsDone) {
  TextTraining run("metric done = progress; loss = -(1 + progress) * policy_chosen_logps;");
  for (int step = 0; !run.trainer->done(); ++step) {
    run.trainer->step();
    EXPECT_EQ(run.trainer->metrics().at("objective/done"), step / 8.0);
  }
}

TEST(DpoTrainer, AMetricOfMicroStatisticsIsTheMeanOverMicroBatches) {
  ModelPtr model = createModel(smallConfig(), 7);
  PairSet pairs = randomPairs(8, *model);
  auto objective = interpretedObjective(
      compiled("objective x { metric longest = batch_max(chosen_length); metric pairs = batch_size;"
               " loss = -policy_chosen_logps; }"),
      {});
  TrainConfig config = smallTraining();
  config.gradient_accumulation_steps = 2;
  config.statistics = Statistics::Micro;
  DpoTrainer trainer(*model, *objective, pairs, config);
  trainer.step();
  DataOrder order(8, 8, config.seed);
  double longest[] = {0, 0};
  for (size_t i = 0; i < 8; ++i)
    longest[i / 4] = std::max(
        longest[i / 4], static_cast<double>(pairs.pairs[order.step(0)[i]].chosen.scoredLength()));
  EXPECT_EQ(trainer.metrics().at("objective/pairs"), 4);
  EXPECT_EQ(trainer.metrics().at("objective/longest"), (longest[0] + longest[1]) / 2);
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
