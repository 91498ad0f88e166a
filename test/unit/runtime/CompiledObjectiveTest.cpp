// Every shipped objective, compiled, through the autograd function, against eager torch in double:
// the whole line from text to gradient, held to formulas that share nothing with it.
#include "compiler/Compiler.h"
#include "dsl/Dsl.h"
#include "test/benchmark/EagerObjectives.h"
#include "trainer/ObjectiveFunction.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

using namespace disco;
using at::Tensor;
using torch::autograd::grad;

namespace {
class CompiledObjectiveTest : public ::testing::TestWithParam<std::string> {
protected:
  void SetUp() override {
    auto source = dsl::readSource(DISCO_SOURCE_DIR "/grammars/objectives/" + GetParam() + ".dpo");
    ASSERT_TRUE(source) << source.error().message;
    Diagnostics found;
    program_ = dsl::compileSource(*source, found);
    ASSERT_TRUE(program_) << renderDiagnostics(*source, found.sorted());
    auto kernel = compiler::Compiler().compileHost(*program_);
    ASSERT_TRUE(kernel) << kernel.error().message;
    kernel_.emplace(*kernel, program_->defaultParameters());
    for (size_t i = 0; i < program_->parameters.size(); ++i)
      parameters_[program_->parameters[i].name] = program_->parameters[i].defaultValue;
  }
  std::optional<dsl::Program> program_;
  std::optional<trainer::ObjectiveKernel> kernel_;
  eager::Parameters parameters_;
};

TEST_P(CompiledObjectiveTest, GivesLossAndGradientOfEagerTorch) {
  constexpr int64_t pairs = 37;
  at::manual_seed(3);
  std::map<std::string, Tensor> inputs;
  for (const char *side : {"chosen", "rejected"}) {
    const std::string name = side;
    inputs["reference_" + name + "_logps"] = at::randn({pairs}).mul_(20).sub_(100);
    inputs["policy_" + name + "_logps"] =
        (inputs["reference_" + name + "_logps"] + 6 * at::randn({pairs})).set_requires_grad(true);
    inputs[name + "_length"] = at::randint(5, 100, {pairs}, at::kFloat);
  }
  const Tensor &chosen = inputs["policy_chosen_logps"], &rejected = inputs["policy_rejected_logps"];
  std::vector<Tensor> ordered;
  for (const std::string &name : kernel_->signature().inputs)
    ordered.push_back(inputs.at(name));
  const Tensor loss = trainer::applyObjective(*kernel_, ordered);
  const auto ours = grad({loss}, {chosen, rejected});

  auto exact = [&](const std::string &name) { return inputs.at(name).to(at::kDouble); };
  const Tensor expected = eager::objectives().at(GetParam())(
      {exact("policy_chosen_logps"), exact("policy_rejected_logps"),
       exact("reference_chosen_logps"), exact("reference_rejected_logps"), exact("chosen_length"),
       exact("rejected_length")},
      parameters_);
  const auto theirs = grad({expected}, {chosen, rejected});
  EXPECT_NEAR(loss.item<double>(), expected.item<double>(),
              1e-5 * std::abs(expected.item<double>()));
  for (size_t g = 0; g < 2; ++g) {
    const double largest = theirs[g].abs().max().item<double>();
    EXPECT_LE((ours[g] - theirs[g]).abs().max().item<double>(), 2e-5 * largest) << g;
  }
}

// Strided, expanded from one number, at an odd address, and the memory of one
// input inside another's: the same as with copies that lie apart.
TEST_P(CompiledObjectiveTest, InputsMayLieAnywhere) {
  constexpr int64_t pairs = 21;
  at::manual_seed(5);
  const Tensor numbers = at::randn({pairs, 3}).sub_(30).set_requires_grad(true);
  std::string bytes(pairs * sizeof(float) + 1, 0);
  const Tensor odd =
      at::from_blob(bytes.data() + 1, {pairs}, at::kFloat).copy_(numbers.select(1, 2).detach());
  const std::map<std::string, Tensor> inputs = {
      {"policy_chosen_logps", numbers.select(1, 0)},
      {"policy_rejected_logps", numbers.select(1, 1)},
      {"reference_chosen_logps", numbers.detach().flatten().slice(0, 1, pairs + 1)},
      {"reference_rejected_logps", odd},
      {"chosen_length", at::full({1}, 7.0f).expand({pairs})},
      {"rejected_length", at::arange(1, pairs + 1, at::kFloat).flip(0)}};
  std::vector<Tensor> apart, shared;
  for (const std::string &name : kernel_->signature().inputs) {
    shared.push_back(inputs.at(name));
    apart.push_back(inputs.at(name).clone());
  }
  const Tensor loss = trainer::applyObjective(*kernel_, shared),
               expected = trainer::applyObjective(*kernel_, apart);
  EXPECT_TRUE(at::equal(loss, expected));
  EXPECT_TRUE(at::equal(grad({loss}, {numbers})[0], grad({expected}, {numbers})[0]));
}

std::vector<std::string> shipped() {
  std::vector<std::string> names;
  for (const auto &[name, formula] : eager::objectives())
    names.push_back(name);
  return names;
}
INSTANTIATE_TEST_SUITE_P(Shipped, CompiledObjectiveTest, ::testing::ValuesIn(shipped()),
                         [](const auto &info) { return info.param; });
} // namespace
