// What a step gives, however it is cut: loss, gradient and state of token-level, batch-coupled and
// stateful objectives against eager autograd over whole steps, and over micro-batches for
// `statistics: micro`.
#include "EagerObjective.h"
#include "Fixtures.h"

#include <gtest/gtest.h>

#include <functional>

namespace disco::trainer {
namespace {

constexpr size_t kPairs = 16;
constexpr int64_t kCuts[] = {16, 8, 4, 2, 1}; // pairs of a micro-batch

struct Case {
  const char *name, *text;
  std::function<at::Tensor(const std::vector<EagerPair> &, double state)> loss;
  std::function<double(const std::vector<EagerPair> &, double state)> next = {};
  double initial = 0;
};

const Case kCases[] = {
    {"PlainDpo", "objective x { loss = softplus(-0.1 * margin); }",
     [](const auto &pairs, double) { return at::softplus(-0.1 * margins(pairs)).mean(); }},
    {"TokenWeights", R"(objective x {
       let near = where(chosen_token_index < 4, 1, 0.5);
       let chosen = token_sum(near * (policy_chosen_token_logps - reference_chosen_token_logps));
       let rejected = token_mean(exp(0.1 * policy_rejected_token_logps) * rejected_token_index);
       loss = softplus(-0.2 * chosen) + rejected + 0.01 * square(policy_chosen_logps);
     })",
     [](const auto &pairs, double) {
       return perPair(pairs,
                      [](const EagerPair &pair) {
                        const EagerCompletion &c = pair.chosen, &r = pair.rejected;
                        at::Tensor near = at::where(c.index_T < 4, 1.0, 0.5);
                        at::Tensor chosen = (near * (c.policy_T - c.reference_T)).sum();
                        at::Tensor rejected = ((0.1 * r.policy_T).exp() * r.index_T).mean();
                        return at::softplus(-0.2 * chosen) + rejected +
                               0.01 * c.policy_T.sum().square();
                      })
           .mean();
     }},
    {"TokenDivergence", R"(objective x {
       let gap = token_sum(rejected_token_kl) - detach(token_sum(chosen_token_kl));
       loss = softplus(-0.3 * (margin - 0.5 * gap)) + 0.1 * token_mean(square(chosen_token_kl));
     })",
     [](const auto &pairs, double) {
       return perPair(pairs,
                      [](const EagerPair &pair) {
                        at::Tensor gap = pair.rejected.kl_T.sum() - pair.chosen.kl_T.sum().detach();
                        return at::softplus(-0.3 * (pair.margin() - 0.5 * gap)) +
                               0.1 * pair.chosen.kl_T.square().mean();
                      })
           .mean();
     }},
    {"Coupled", R"(objective x {
       let scale = 0.2 * (1 + 0.6 * tanh(detach(batch_mean(margin))));
       loss = softplus(-scale * margin) + 0.1 * batch_std(margin) + 0.01 * batch_size;
     })",
     [](const auto &pairs, double) {
       at::Tensor m = margins(pairs);
       at::Tensor scale = 0.2 * (1 + 0.6 * m.mean().detach().tanh());
       return at::softplus(-scale * m).mean() + 0.1 * m.std() +
              0.01 * static_cast<double>(pairs.size());
     }},
    {"AddedMean",
     "objective x { loss = softplus(-0.1 * margin) + 0.02 * "
     "batch_mean(square(chosen_ratio)) * batch_mean(chosen_length); }",
     [](const auto &pairs, double) {
       at::Tensor length = perPair(pairs, [](const EagerPair &pair) {
         return at::full({}, double(pair.chosen.policy_T.numel()), at::kDouble);
       });
       at::Tensor ratio = perPair(pairs, [](const EagerPair &pair) { return pair.chosen.ratio(); });
       return at::softplus(-0.1 * margins(pairs)).mean() +
              0.02 * ratio.square().mean() * length.mean();
     }},
    {"Stateful", R"(objective x {
       param start = 0.5;
       state mean_margin = 2 * start;
       next mean_margin = 0.9 * mean_margin + 0.1 * batch_mean(margin);
       loss = softplus(-0.1 * (1 + tanh(mean_margin)) * margin);
     })",
     [](const auto &pairs, double state) {
       return at::softplus(-0.1 * (1 + std::tanh(state)) * margins(pairs)).mean();
     },
     [](const auto &pairs, double state) {
       return 0.9 * state + 0.1 * margins(pairs).mean().template item<double>();
     },
     1},
    {"Columns", R"(objective x {
       column weight;
       column absent = 3;
       loss = weight * softplus(-0.1 * margin) * absent;
     })",
     [](const auto &pairs, double) {
       at::Tensor weight = perPair(
           pairs, [](const EagerPair &pair) { return at::full({}, pair.weight, at::kDouble); });
       return (3 * weight * at::softplus(-0.1 * margins(pairs))).mean();
     }},
    {"Scheduled", "objective x { loss = (1 + progress) * softplus(-0.1 * margin); }",
     [](const auto &pairs, double) { return at::softplus(-0.1 * margins(pairs)).mean(); }},
};

std::ostream &operator<<(std::ostream &out, const Case &test) { return out << test.name; }

TrainConfig configOf(int64_t micro, Statistics statistics) {
  TrainConfig config;
  config.per_device_train_batch_size = micro;
  config.gradient_accumulation_steps = static_cast<int64_t>(kPairs) / micro;
  config.statistics = statistics;
  config.max_steps = 4;
  config.learning_rate = 1e-2;
  config.warmup_ratio = 0;
  config.max_grad_norm = 0;
  config.adam_epsilon = 1e-3; // a gradient that is 0 but for rounding moves nothing
  return config;
}

/// A training of a case: policy and reference differ, so that nothing is 0 by chance.
struct Training {
  explicit Training(const Case &test, int64_t micro, Statistics statistics = Statistics::Step)
      : config(configOf(micro, statistics)) {
    dsl::Program program = compiled(test.text);
    for (const dsl::Column &column : program.columns) {
      std::vector<float> values;
      for (size_t i = 0; i < kPairs; ++i)
        values.push_back(column.defaultValue ? static_cast<float>(*column.defaultValue)
                                             : weightOf(i));
      pairs.columns.push_back(values);
    }
    std::vector<double> parameters = program.defaultParameters();
    objective = interpretedObjective(std::move(program), parameters);
    trainer.emplace(*policy, *objective, pairs, config, reference.get());
  }
  static float weightOf(size_t pair) { return 0.25f * static_cast<float>(1 + pair % 5); }

  double state() const { return trainer->states().empty() ? 0 : trainer->states()[0]; }
  /// After the first step: the gradient of each parameter, from the optimiser's first moment.
  std::vector<at::Tensor> gradients() const {
    std::vector<at::Tensor> found;
    for (const auto &[name, tensor] : trainer->tensors())
      if (name.starts_with("exp_avg."))
        found.push_back(tensor.to(at::kDouble) / (1 - config.adam_beta1));
    return found;
  }

  TrainConfig config;
  ModelPtr policy = createModel(smallConfig(), 7), reference = createModel(smallConfig(), 8);
  PairSet pairs = randomPairs(kPairs, *reference);
  std::unique_ptr<Objective> objective;
  std::optional<DpoTrainer> trainer;
};

/// The first step in eager autograd, its pairs taken `part` at a time.
struct Expected {
  Expected(const Case &test, const Training &run, size_t part) {
    std::vector<at::Tensor> policy, reference;
    for (auto &[name, tensor] : run.policy->named())
      policy.push_back(tensor.detach().to(at::kDouble).requires_grad_(true));
    for (auto &[name, tensor] : run.reference->named())
      reference.push_back(tensor.detach().to(at::kDouble));
    DataOrder order(kPairs, kPairs, run.config.seed);
    std::vector<EagerPair> pairs;
    for (size_t index : order.step(0)) {
      const TokenizedPair &pair = run.pairs.pairs[index];
      auto completion = [&](const Sequence &sequence) {
        return eagerCompletion(run.policy->config, policy, reference, sequence);
      };
      pairs.push_back(
          {completion(pair.chosen), completion(pair.rejected), Training::weightOf(index)});
    }
    at::Tensor total = at::zeros({}, at::kDouble);
    for (size_t from = 0; from < kPairs; from += part) {
      auto first = pairs.begin() + static_cast<ptrdiff_t>(from);
      std::vector<EagerPair> some(first, first + static_cast<ptrdiff_t>(part));
      total = total + test.loss(some, test.initial) * (double(part) / double(kPairs));
    }
    total.backward();
    loss = total.item<double>();
    for (const at::Tensor &tensor : policy)
      gradients.push_back(tensor.grad());
    if (test.next)
      next = test.next(pairs, test.initial);
  }
  double loss = 0, next = 0;
  std::vector<at::Tensor> gradients;
};

void expectNear(const std::vector<at::Tensor> &found, const std::vector<at::Tensor> &expected) {
  ASSERT_EQ(found.size(), expected.size());
  double largest = 0;
  for (const at::Tensor &tensor : expected)
    largest = std::max(largest, tensor.abs().max().item<double>());
  ASSERT_GT(largest, 0);
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_LT((found[i] - expected[i]).abs().max().item<double>(), 2e-5 * largest) << i;
}

class EveryCut : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Objectives, EveryCut, ::testing::ValuesIn(kCases),
                         [](const auto &info) { return std::string(info.param.name); });

TEST_P(EveryCut, FirstStepIsThatOfEagerAutograd) {
  Training same(GetParam(), kPairs);
  Expected expected(GetParam(), same, kPairs);
  for (int64_t micro : kCuts) {
    SCOPED_TRACE("micro-batches of " + std::to_string(micro));
    Training run(GetParam(), micro);
    DpoTrainer::Step step = run.trainer->step();
    ASSERT_EQ(step.failure, "");
    EXPECT_NEAR(step.loss, expected.loss, 1e-5 * (1 + std::abs(expected.loss)));
    EXPECT_NEAR(run.state(), expected.next, 1e-5);
    expectNear(run.gradients(), expected.gradients);
  }
}

TEST_P(EveryCut, GivesTheSameTraining) {
  auto train = [](Training &run) {
    std::vector<double> numbers;
    while (!run.trainer->done()) {
      numbers.push_back(run.trainer->step().loss);
      numbers.push_back(run.state());
    }
    return numbers;
  };
  Training whole(GetParam(), kPairs);
  std::vector<double> expected = train(whole);
  for (int64_t micro : kCuts) {
    Training run(GetParam(), micro);
    std::vector<double> found = train(run);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i)
      EXPECT_NEAR(found[i], expected[i], 2e-5 * (1 + std::abs(expected[i])))
          << "micro-batches of " << micro << ", number " << i;
  }
}

TEST_P(EveryCut, MicroStatisticsAreThoseOfEachMicroBatchAndStateThatOfTheStep) {
  for (int64_t micro : {4, 2}) {
    SCOPED_TRACE("micro-batches of " + std::to_string(micro));
    Training run(GetParam(), micro, Statistics::Micro);
    Expected expected(GetParam(), run, static_cast<size_t>(micro));
    DpoTrainer::Step step = run.trainer->step();
    ASSERT_EQ(step.failure, "");
    EXPECT_NEAR(step.loss, expected.loss, 1e-5 * (1 + std::abs(expected.loss)));
    EXPECT_NEAR(run.state(), expected.next, 1e-5);
    expectNear(run.gradients(), expected.gradients);
  }
}

TEST(MicroStatistics, DifferFromThoseOfTheStep) {
  const Case &coupled = kCases[3];
  Training step(coupled, 4), micro(coupled, 4, Statistics::Micro);
  EXPECT_GT(std::abs(step.trainer->step().loss - micro.trainer->step().loss), 1e-3);
}

} // namespace
} // namespace disco::trainer
