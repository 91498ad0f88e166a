// The two engines behind the Objective seam: the interpreter, and a compiled kernel.
#include "trainer/Objective.h"

#include "dsl/Interpreter.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace disco::trainer {

namespace {

std::vector<float> narrowed(std::span<const double> values) {
  return std::vector<float>(values.begin(), values.end());
}

/// The interpreter on inputs of the trainer's precision.
class Interpreted {
public:
  explicit Interpreted(const dsl::Program &program) : interpreter_(program) {}

  const dsl::Evaluation &evaluate(const ObjectiveInputs &inputs, std::span<const double> parameters,
                                  dsl::Interpreter::Wanted wanted) {
    dsl::Batch batch;
    batch.pairs = inputs.pairs;
    batch.progress = inputs.progress;
    batch.chosenOffsets = inputs.chosenOffsets;
    batch.rejectedOffsets = inputs.rejectedOffsets;
    batch.states = inputs.states;
    for (size_t i = 0; i < dsl::kInputCount; ++i) {
      columns_[i].assign(inputs.columns[i].begin(), inputs.columns[i].end());
      batch.columns[i] = columns_[i];
    }
    dataColumns_.clear();
    for (std::span<const float> values : inputs.dataColumns)
      dataColumns_.emplace_back(values.begin(), values.end());
    std::vector<std::span<const double>> views(dataColumns_.begin(), dataColumns_.end());
    batch.dataColumns = views;
    interpreter_.evaluate(batch, parameters, evaluation_, dsl::Precision::Double, wanted);
    return evaluation_;
  }

private:
  dsl::Interpreter interpreter_;
  dsl::Evaluation evaluation_;
  std::array<std::vector<double>, dsl::kInputCount> columns_;
  std::vector<std::vector<double>> dataColumns_;
};

class InterpretedObjective final : public Objective {
public:
  InterpretedObjective(dsl::Program program, std::vector<double> parameters)
      : program_(std::move(program)), parameters_(std::move(parameters)), interpreter_(program_) {}

  const dsl::Program &program() const override { return program_; }
  std::span<const double> parameters() const override { return parameters_; }

  float gradient(const ObjectiveInputs &inputs, const ObjectiveGradients &gradients) override {
    const dsl::Evaluation &found =
        interpreter_.evaluate(inputs, parameters_, {.gradients = true, .reports = false});
    for (size_t i = 0; i < dsl::kInputCount; ++i) {
      assert(found.gradients[i].empty() || gradients[i].empty() ||
             found.gradients[i].size() == gradients[i].size());
      std::fill(gradients[i].begin(), gradients[i].end(), 0.0f);
      if (!gradients[i].empty())
        std::copy(found.gradients[i].begin(), found.gradients[i].end(), gradients[i].begin());
    }
    return float(found.loss);
  }

  void report(const ObjectiveInputs &inputs, ObjectiveReport &out) override {
    const dsl::Evaluation &found =
        interpreter_.evaluate(inputs, parameters_, {.gradients = false, .reports = true});
    out = {narrowed(found.losses), narrowed(found.chosenRewards), narrowed(found.rejectedRewards),
           narrowed(found.metrics)};
  }

  std::vector<double> next(const ObjectiveInputs &inputs) override {
    if (program_.states.empty())
      return {};
    return interpreter_.evaluate(inputs, parameters_, {.gradients = false, .reports = true}).next;
  }

private:
  dsl::Program program_;
  std::vector<double> parameters_;
  Interpreted interpreter_; // refers to program_
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

  float gradient(const ObjectiveInputs &inputs, const ObjectiveGradients &gradients) override {
    for (std::span<float> values : gradients)
      std::fill(values.begin(), values.end(), 0.0f);
    std::vector<float *> outputs;
    for (dsl::Input input : gradients_)
      outputs.push_back(gradients[size_t(input)].data());
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

  std::vector<double> next(const ObjectiveInputs &) override {
    assert(program_.states.empty() && "the compiler refuses objectives with state");
    return {};
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
