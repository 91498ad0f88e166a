// The two engines behind the Objective seam: the interpreter, and a compiled kernel.
#include "trainer/Objective.h"

#include "dsl/Interpreter.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace disco::trainer {

namespace {

constexpr size_t kChosen = size_t(dsl::Input::policy_chosen_logps);
constexpr size_t kRejected = size_t(dsl::Input::policy_rejected_logps);

std::vector<float> narrowed(std::span<const double> values) {
  return std::vector<float>(values.begin(), values.end());
}

class InterpretedObjective final : public Objective {
public:
  InterpretedObjective(dsl::Program program, std::vector<double> parameters)
      : program_(std::move(program)), parameters_(std::move(parameters)), interpreter_(program_) {}

  const dsl::Program &program() const override { return program_; }
  std::span<const double> parameters() const override { return parameters_; }

  float gradient(const ObjectiveInputs &inputs, std::span<float> dPolicyChosen_B,
                 std::span<float> dPolicyRejected_B) override {
    interpreter_.evaluate(widened(inputs), parameters_, evaluation_, dsl::Precision::Double,
                          {.gradients = true, .reports = false});
    std::copy_n(evaluation_.gradients[kChosen].begin(), inputs.pairs, dPolicyChosen_B.begin());
    std::copy_n(evaluation_.gradients[kRejected].begin(), inputs.pairs, dPolicyRejected_B.begin());
    return float(evaluation_.loss);
  }

  void report(const ObjectiveInputs &inputs, ObjectiveReport &out) override {
    interpreter_.evaluate(widened(inputs), parameters_, evaluation_, dsl::Precision::Double,
                          {.gradients = false, .reports = true});
    out = {narrowed(evaluation_.losses), narrowed(evaluation_.chosenRewards),
           narrowed(evaluation_.rejectedRewards), narrowed(evaluation_.metrics)};
  }

private:
  dsl::Batch widened(const ObjectiveInputs &inputs) {
    dsl::Batch batch;
    batch.pairs = inputs.pairs;
    for (size_t i = 0; i < dsl::kInputCount; ++i) {
      columns_[i].assign(inputs.columns[i].begin(), inputs.columns[i].end());
      batch.columns[i] = columns_[i];
    }
    return batch;
  }

  dsl::Program program_;
  std::vector<double> parameters_;
  dsl::Interpreter interpreter_; // refers to program_
  dsl::Evaluation evaluation_;
  std::array<std::vector<double>, dsl::kInputCount> columns_;
};

class CompiledObjective final : public Objective {
public:
  CompiledObjective(dsl::Program program, runtime::HostKernel kernel,
                    std::vector<double> parameters)
      : program_(std::move(program)), kernel_(std::move(kernel)),
        parameters_(std::move(parameters)), kernelParameters_(narrowed(parameters_)) {
    assert(kernelParameters_.size() == kernel_.signature.parameters.size());
    for (const std::string &name : kernel_.signature.inputs) {
      std::optional<dsl::Input> input = dsl::inputByName(name);
      assert(input && "a kernel reads an input that the language does not have");
      inputs_.push_back(*input);
    }
    for (const std::string &name : kernel_.signature.gradients)
      gradients_.push_back(*dsl::inputByName(name));
  }

  const dsl::Program &program() const override { return program_; }
  std::span<const double> parameters() const override { return parameters_; }

  float gradient(const ObjectiveInputs &inputs, std::span<float> dPolicyChosen_B,
                 std::span<float> dPolicyRejected_B) override {
    std::vector<float *> outputs;
    for (dsl::Input input : gradients_)
      outputs.push_back(input == dsl::Input::policy_chosen_logps ? dPolicyChosen_B.data()
                                                                 : dPolicyRejected_B.data());
    float loss = std::numeric_limits<float>::quiet_NaN();
    kernel_.gradient(columnsOf(inputs).data(), kernelParameters_.data(), int64_t(inputs.pairs),
                     &loss, outputs.data());
    return loss;
  }

  void report(const ObjectiveInputs &inputs, ObjectiveReport &out) override {
    out.losses.resize(inputs.pairs);
    out.chosenRewards.resize(inputs.pairs);
    out.rejectedRewards.resize(inputs.pairs);
    // The kernel writes nothing for an empty batch; the mean over no pairs is NaN.
    out.metrics.assign(program_.metrics.size(), std::numeric_limits<float>::quiet_NaN());
    float *rewards[] = {out.chosenRewards.data(), out.rejectedRewards.data()};
    kernel_.report(columnsOf(inputs).data(), kernelParameters_.data(), int64_t(inputs.pairs),
                   out.losses.data(), rewards, out.metrics.data());
  }

private:
  std::vector<const float *> columnsOf(const ObjectiveInputs &inputs) const {
    std::vector<const float *> columns;
    for (dsl::Input input : inputs_) {
      assert(inputs.columns[size_t(input)].size() == inputs.pairs);
      columns.push_back(inputs.columns[size_t(input)].data());
    }
    return columns;
  }

  dsl::Program program_;
  runtime::HostKernel kernel_;
  std::vector<double> parameters_;
  std::vector<float> kernelParameters_;
  std::vector<dsl::Input> inputs_, gradients_; // in the kernel's order
};

} // namespace

std::unique_ptr<Objective> interpretedObjective(dsl::Program program,
                                                std::vector<double> parameters) {
  return std::make_unique<InterpretedObjective>(std::move(program), std::move(parameters));
}

std::unique_ptr<Objective> compiledObjective(dsl::Program program, runtime::HostKernel kernel,
                                             std::vector<double> parameters) {
  return std::make_unique<CompiledObjective>(std::move(program), std::move(kernel),
                                             std::move(parameters));
}

} // namespace disco::trainer
