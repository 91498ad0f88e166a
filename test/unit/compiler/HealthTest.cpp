// What a gradient call says of numbers that are not finite: which kind, and the first pair,
// wherever it lies in a vector or a chunk.
#include "test/unit/compiler/RunKernel.h"

#include <limits>

namespace disco::compiler {
namespace {

using dsl::Input;
using runtime::Health;

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Of a loss of policy_chosen_logps alone.
Health healthOf(const std::string &loss, const std::vector<float> &values) {
  const runtime::HostKernel kernel = kernelOf(programOf("objective o { loss = " + loss + "; }"));
  const void *inputs[] = {values.data()};
  const float numbers[] = {0};
  float mean = 0;
  std::vector<float> chosen(values.size()), rejected(values.size());
  float *gradients[] = {chosen.data(), rejected.data()};
  return kernel.gradient(inputs, numbers, int64_t(values.size()), &mean, gradients);
}

TEST(Health, OfFiniteNumbersSaysNothing) {
  for (size_t pairs : {0, 1, 15, 16, 17, 5000}) {
    const Health health = healthOf("square(policy_chosen_logps)", std::vector<float>(pairs, 1e10f));
    EXPECT_EQ(health.flags, 0u);
    EXPECT_EQ(health.firstPair, -1);
  }
}

TEST(Health, NamesTheFirstPair) {
  for (size_t bad : {0, 1, 15, 16, 4095, 4096, 8999}) {
    std::vector<float> values(9000, 1);
    values[bad] = kNaN;
    values.back() = kInfinity;
    const Health health = healthOf("square(policy_chosen_logps)", values);
    EXPECT_EQ(health.flags, unsigned(Health::NonFiniteLoss | Health::NonFiniteGradient));
    EXPECT_EQ(health.firstPair, int64_t(bad));
  }
}

TEST(Health, TellsLossesFromGradients) {
  // 1 / x overflows for x = 1e-39 and its derivative before it, for x = 1e-20.
  const Health gradient = healthOf("1 / policy_chosen_logps", {1, 1, 1e-20f, 1});
  EXPECT_EQ(gradient.flags, unsigned(Health::NonFiniteGradient));
  EXPECT_EQ(gradient.firstPair, 2);
  const Health loss = healthOf("detach(1 / policy_chosen_logps) + policy_chosen_logps", {1, 0, 1});
  EXPECT_EQ(loss.flags, unsigned(Health::NonFiniteLoss));
  EXPECT_EQ(loss.firstPair, 1);
}

TEST(Health, OfALossOfTheWholeBatchIsAboutNoPair) {
  const Health health = healthOf("batch_max(policy_chosen_logps)", {1, kInfinity, 1});
  EXPECT_EQ(health.flags, unsigned(Health::NonFiniteLoss));
  EXPECT_EQ(health.firstPair, -1);
}

TEST(Health, SeesTokens) {
  const runtime::HostKernel kernel =
      kernelOf(programOf("objective o { loss = token_sum(1 / policy_chosen_token_logps); }"));
  const std::vector<float> tokens = {1, 2, 3, 4, 1e-20f, 5};
  const int64_t offsets[] = {0, 2, 6}, none[] = {0, 0, 0};
  std::vector<const void *> inputs;
  for (const std::string &name : kernel.signature.inputs)
    if (name == runtime::kChosenOffsets || name == runtime::kRejectedOffsets)
      inputs.push_back(name == runtime::kChosenOffsets ? offsets : none);
    else
      inputs.push_back(tokens.data());
  const float numbers[] = {0};
  float mean = 0, chosen[2], rejected[2], perToken[6];
  std::vector<float *> gradients;
  for (const std::string &name : kernel.signature.gradients)
    gradients.push_back(name == "policy_chosen_logps"     ? chosen
                        : name == "policy_rejected_logps" ? rejected
                                                          : perToken);
  const Health health = kernel.gradient(inputs.data(), numbers, 2, &mean, gradients.data());
  EXPECT_EQ(health.flags, unsigned(Health::NonFiniteGradient));
  EXPECT_EQ(health.firstPair, 1);
}

} // namespace
} // namespace disco::compiler
