// The autograd function around hand-written kernels: what torch sees must not depend on who
// compiled the kernel. Oracles are the same formulas in eager torch, whose derivatives share
// nothing with the kernels.
#include "trainer/ObjectiveFunction.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

using namespace disco;
using namespace disco::trainer;
using at::Tensor;
using torch::autograd::grad;

namespace {
const std::vector<std::string> kPolicy = {"policy_chosen_logps", "policy_rejected_logps"};
const std::vector<std::string> kAll = {"policy_chosen_logps", "policy_rejected_logps",
                                       "reference_chosen_logps", "reference_rejected_logps"};

// DPO: mean of softplus(-beta margin).
void dpoGradient(const float *const *in, const float *p, int64_t n, float *loss,
                 float *const *gradients) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    const double z = p[0] * ((double(in[0][i]) - in[2][i]) - (double(in[1][i]) - in[3][i]));
    sum += std::log1p(std::exp(-z));
    gradients[0][i] = float(-p[0] / (1 + std::exp(z)) / n);
    gradients[1][i] = -gradients[0][i];
  }
  *loss = float(sum / n);
}

// Reads the chosen side only: mean of -x; the rejected side gets zeros.
void chosenOnlyGradient(const float *const *in, const float *, int64_t n, float *loss,
                        float *const *gradients) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    sum -= in[0][i];
    gradients[0][i] = float(-1.0 / n);
    gradients[1][i] = 0;
  }
  *loss = float(sum / n);
}

/// A kernel written by hand: one function that does everything.
template <auto Gradient>
runtime::HostKernel hostKernel(std::vector<std::string> inputs,
                               std::vector<std::string> parameters) {
  runtime::HostKernel kernel;
  kernel.signature = {.objective = "test",
                      .codeHash = std::string(32, '0'),
                      .inputs = std::move(inputs),
                      .gradients = kPolicy,
                      .parameters = parameters,
                      .defaults = std::vector<double>(parameters.size(), 0.1),
                      .states = {},
                      .metrics = {}};
  const auto whole = [](const runtime::Frame *frame, int64_t, int64_t, double *) {
    Gradient(reinterpret_cast<const float *const *>(frame->inputs),
             static_cast<const float *>(frame->numbers), frame->pairs,
             static_cast<float *>(frame->outputs[2]),
             reinterpret_cast<float *const *>(frame->outputs));
  };
  kernel.gradientCode = {*runtime::Plan::parse("means"), {whole}};
  return kernel;
}

ObjectiveKernel dpo() {
  const double beta[] = {0.1};
  return ObjectiveKernel(hostKernel<dpoGradient>(kAll, {"beta"}), beta);
}

struct Batch {
  Tensor chosen, rejected, referenceChosen, referenceRejected;
  explicit Batch(int64_t pairs)
      : chosen(at::randn({pairs}).mul_(10).set_requires_grad(true)),
        rejected(at::randn({pairs}).mul_(10).set_requires_grad(true)),
        referenceChosen(at::randn({pairs}).mul_(10)),
        referenceRejected(at::randn({pairs}).mul_(10)) {}
  std::vector<Tensor> inputs() const {
    return {chosen, rejected, referenceChosen, referenceRejected};
  }
  Tensor eager() const {
    return -at::log_sigmoid(0.1 * ((chosen - referenceChosen) - (rejected - referenceRejected)))
                .mean();
  }
};

std::string message(const std::function<void()> &call) {
  try {
    call();
  } catch (const c10::Error &error) {
    return error.what_without_backtrace();
  }
  return "no error";
}

class BatchSizeTest : public ::testing::TestWithParam<int64_t> {};

TEST_P(BatchSizeTest, LossAndGradientAreEagerTorchs) {
  const Batch batch(GetParam());
  const Tensor loss = applyObjective(dpo(), batch.inputs());
  EXPECT_EQ(loss.dim(), 0);
  EXPECT_TRUE(at::allclose(loss, batch.eager(), 1e-5, 1e-7));
  const auto ours = grad({loss}, {batch.chosen, batch.rejected});
  const auto theirs = grad({batch.eager()}, {batch.chosen, batch.rejected});
  for (size_t g = 0; g < 2; ++g)
    EXPECT_TRUE(at::allclose(ours[g], theirs[g], 1e-5, 1e-9)) << g;
}
INSTANTIATE_TEST_SUITE_P(Pairs, BatchSizeTest, ::testing::Values(1, 2, 3, 7, 64, 1000));

TEST(ObjectiveFunctionTest, GradOutputScales) {
  const Batch batch(5);
  const auto ours = grad({applyObjective(dpo(), batch.inputs()) * -2.5}, {batch.chosen});
  const auto theirs = grad({batch.eager() * -2.5}, {batch.chosen});
  EXPECT_TRUE(at::allclose(ours[0], theirs[0], 1e-5, 1e-9));
}

TEST(ObjectiveFunctionTest, GradientFlowsIntoWhatMadeTheInputs) {
  const Batch batch(4);
  const Tensor weight = at::ones({}).set_requires_grad(true);
  auto inputs = batch.inputs();
  inputs[0] = inputs[0] * weight;
  const auto ours = grad({applyObjective(dpo(), inputs)}, {weight});
  const auto theirs = grad({batch.eager()}, {batch.chosen});
  EXPECT_TRUE(at::allclose(ours[0], (theirs[0] * batch.chosen).sum(), 1e-4, 1e-6));
}

TEST(ObjectiveFunctionTest, SecondBackwardOfAKeptGraphGivesTheSameAgain) {
  const Batch batch(3);
  const Tensor loss = applyObjective(dpo(), batch.inputs());
  loss.backward({}, /*retain_graph=*/true);
  const Tensor once = batch.chosen.grad().clone();
  loss.backward();
  EXPECT_TRUE(at::equal(batch.chosen.grad(), once * 2));
}

TEST(ObjectiveFunctionTest, ReturnedGradientIsTheCallersToChange) {
  const Batch batch(3);
  const Tensor loss = applyObjective(dpo(), batch.inputs());
  grad({loss}, {batch.chosen}, {}, /*retain_graph=*/true)[0].mul_(0);
  const auto again = grad({loss}, {batch.chosen});
  EXPECT_TRUE(at::allclose(again[0], grad({batch.eager()}, {batch.chosen})[0], 1e-5, 1e-9));
}

TEST(ObjectiveFunctionTest, SecondBackwardOfAReleasedGraphIsRefused) {
  const Batch batch(3);
  const Tensor loss = applyObjective(dpo(), batch.inputs());
  loss.backward();
  EXPECT_NE(message([&] { loss.backward(); }).find("backward through the graph a second time"),
            std::string::npos);
}

TEST(ObjectiveFunctionTest, OneSideMayBeConstant) {
  Batch batch(3);
  batch.rejected = batch.rejected.detach();
  const auto ours = grad({applyObjective(dpo(), batch.inputs())}, {batch.chosen});
  EXPECT_TRUE(at::allclose(ours[0], grad({batch.eager()}, {batch.chosen})[0], 1e-5, 1e-9));
}

TEST(ObjectiveFunctionTest, WithoutGradientNoGraphIsBuilt) {
  const Batch batch(3);
  at::NoGradGuard guard;
  EXPECT_FALSE(applyObjective(dpo(), batch.inputs()).requires_grad());
}

TEST(ObjectiveFunctionTest, InputThatIsNotReadHasNoPlaceInTheGraph) {
  const ObjectiveKernel kernel(hostKernel<chosenOnlyGradient>({"policy_chosen_logps"}, {}),
                               std::span<const double>());
  const Batch batch(4);
  const auto ours = grad({applyObjective(kernel, {batch.chosen}) * 2}, {batch.chosen});
  EXPECT_TRUE(at::allclose(ours[0], at::full({4}, -0.5)));
}

TEST(ObjectiveFunctionTest, StridedInputsAreCopied) {
  Batch batch(6);
  const Tensor rows = at::stack({batch.chosen.detach(), batch.rejected.detach()}, 1);
  auto inputs = batch.inputs();
  inputs[0] = rows.select(1, 0);
  inputs[1] = rows.select(1, 1);
  ASSERT_FALSE(inputs[0].is_contiguous());
  EXPECT_TRUE(at::equal(applyObjective(dpo(), inputs), applyObjective(dpo(), batch.inputs())));
}

TEST(ObjectiveFunctionTest, EmptyBatchIsNaNLikeTheMeanOfNothing) {
  const Batch batch(0);
  EXPECT_TRUE(applyObjective(dpo(), batch.inputs()).isnan().item<bool>());
}

TEST(ObjectiveFunctionTest, SecondDerivativeIsRefused) {
  const Batch batch(3);
  const Tensor loss = applyObjective(dpo(), batch.inputs());
  EXPECT_EQ(message([&] { grad({loss}, {batch.chosen}, {}, std::nullopt, /*create_graph=*/true); }),
            "objective kernels have no second derivatives; call backward without create_graph");
}

TEST(ObjectiveFunctionTest, WrongInputsAreNamed) {
  const Batch batch(3);
  auto with = [&](size_t place, const Tensor &input) {
    auto inputs = batch.inputs();
    inputs[place] = input;
    return message([&] { applyObjective(dpo(), inputs); });
  };
  EXPECT_EQ(message([&] { applyObjective(dpo(), {batch.chosen}); }),
            "objective `test` reads 4 inputs, got 1");
  EXPECT_EQ(with(1, Tensor()), "input `policy_rejected_logps` is an undefined tensor");
  EXPECT_EQ(with(2, at::zeros({3}, at::kDouble)),
            "input `reference_chosen_logps` is Double, objectives take float32");
  EXPECT_EQ(with(2, at::zeros({3, 1})),
            "input `reference_chosen_logps` has shape [3, 1], expected [pairs]");
  EXPECT_EQ(with(3, at::zeros({4})),
            "input `reference_rejected_logps` has 4 pairs and `policy_chosen_logps` has 3");
  EXPECT_EQ(with(3, at::zeros({3}, at::kMeta)),
            "input `reference_rejected_logps` is on meta and `policy_chosen_logps` on cpu");
  EXPECT_EQ(with(3, at::zeros({3}).set_requires_grad(true)),
            "input `reference_rejected_logps` requires grad, but objectives give gradients to the "
            "policy's log-probabilities only; detach it");
}

// Before anything of that size is copied.
TEST(ObjectiveFunctionTest, MorePairsThanAKernelCountsAreRefused) {
  const Tensor many = at::zeros({1}).expand({runtime::kMostPairs + 1});
  EXPECT_EQ(message([&] {
              applyObjective(dpo(), {many, many, many, many});
            }),
            "a batch of 2147483648 pairs; at most 2147483647 are evaluated at once");
}

// A kernel that walks in chunks: the mean of -x, in as many threads as torch has.
TEST(ObjectiveFunctionTest, ThreadsOfTorchGiveTheSameBits) {
  runtime::HostKernel kernel = hostKernel<dpoGradient>(kAll, {});
  const auto walk = [](const runtime::Frame *frame, int64_t begin, int64_t end, double *sums) {
    const auto *x = static_cast<const float *>(frame->inputs[0]);
    sums[0] = 0;
    for (int64_t i = begin; i < end; ++i) {
      sums[0] -= x[i];
      static_cast<float *>(frame->outputs[0])[i] = float(-1.0 / double(frame->pairs));
      static_cast<float *>(frame->outputs[1])[i] = 0;
    }
  };
  const auto mean = [](const runtime::Frame *frame, int64_t, int64_t, double *) {
    *static_cast<float *>(frame->outputs[2]) = float(frame->totals[0] / double(frame->pairs));
  };
  kernel.gradientCode = {*runtime::Plan::parse("walk add; means"), {walk, mean}};
  const ObjectiveKernel function(kernel, std::span<const double>());
  const Batch batch(50'000);
  const int before = at::get_num_threads();
  at::set_num_threads(1);
  const Tensor alone = applyObjective(function, batch.inputs());
  at::set_num_threads(2);
  const Tensor together = applyObjective(function, batch.inputs());
  at::set_num_threads(before);
  EXPECT_TRUE(at::equal(alone, together));
  EXPECT_TRUE(at::allclose(alone, -batch.chosen.mean(), 1e-4));
}

TEST(ObjectiveFunctionTest, OtherDevicesAreRefused) {
  const Tensor meta = at::zeros({3}, at::kMeta);
  EXPECT_EQ(message([&] {
              applyObjective(dpo(), {meta, meta, meta, meta});
            }),
            "objectives run on CPU and CUDA, not on meta");
}

TEST(ObjectiveFunctionTest, KernelsOfADeviceAreNotRunOnTheHost) {
  const auto driver = runtime::CudaDriver::load(DISCO_FAKE_CUDA);
  ASSERT_TRUE(driver) << driver.error().message;
  runtime::Signature signature = hostKernel<dpoGradient>(kAll, {"beta"}).signature;
  const auto load = [&](int ordinal) {
    auto kernel = runtime::PtxKernel::load(*driver, "gradient ppppfnppp report ppppfnpppp",
                                           signature, ordinal);
    EXPECT_TRUE(kernel) << kernel.error().message;
    return *kernel;
  };
  const double beta[] = {0.1};
  ObjectiveKernel kernel(load(0), beta);
  EXPECT_EQ(message([&] { applyObjective(kernel, Batch(3).inputs()); }),
            "objective `test` was compiled for CUDA only, its inputs are on the CPU");
  EXPECT_EQ(kernel.device(1), nullptr);
  kernel.add(load(1));
  EXPECT_EQ(kernel.device(1)->ordinal(), 1);
  signature.codeHash[0] = '1';
  EXPECT_EQ(message([&] { kernel.add(load(2)); }),
            "objective `test`: its device kernel was compiled from another program");
}

// Kernels come from files, too.
TEST(ObjectiveFunctionTest, KernelsThatItCannotCallAreRefused) {
  const auto refusal = [](const runtime::HostKernel &kernel) {
    return message([&] { ObjectiveKernel(kernel, std::span<const double>()); });
  };
  runtime::HostKernel kernel = hostKernel<dpoGradient>(kAll, {});
  kernel.dtype = runtime::Dtype::Float64;
  EXPECT_EQ(refusal(kernel),
            "objective `test` was compiled for float64, this function takes float32");
  EXPECT_EQ(refusal(hostKernel<dpoGradient>({}, {})), "objective `test` reads nothing");
  kernel.signature.states = {"mean"};
  EXPECT_NE(refusal(kernel).find("keeps state or reads tokens"), std::string::npos);
}

TEST(ObjectiveFunctionTest, WrongNumberOfParametersIsRefused) {
  EXPECT_EQ(message([] {
              ObjectiveKernel(hostKernel<dpoGradient>(kAll, {"beta"}), std::span<const double>());
            }),
            "objective `test` has 1 parameters, got 0");
}
} // namespace
