// The two engines behind the Objective seam: the interpreter, and a compiled kernel.
#include "trainer/Objective.h"

#include "dsl/Dsl.h"

#include <algorithm>
#include <cassert>
#include <limits>
#include <optional>

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
        interpreter_.evaluate(inputs, parameters_, {.reports = false, .next = false});
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
        interpreter_.evaluate(inputs, parameters_, {.gradients = false, .next = false});
    out = {narrowed(found.losses), narrowed(found.chosenRewards), narrowed(found.rejectedRewards),
           narrowed(found.metrics)};
  }

  std::vector<double> next(const ObjectiveInputs &inputs) override {
    if (program_.states.empty())
      return {};
    return interpreter_
        .evaluate(inputs, parameters_, {.gradients = false, .reports = false, .loss = false})
        .next;
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
        parameters_(std::move(parameters)),
        initialStates_(dsl::initialStates(program_, parameters_)), numbers_(narrowed(parameters_)),
        next_(program_) {
    const runtime::Signature &signature = kernel_.signature;
    assert(numbers_.size() == signature.parameters.size());
    numbers_.resize(signature.numbers());
    for (const std::string &name : signature.inputs) {
      Read read;
      if (name == runtime::kChosenOffsets || name == runtime::kRejectedOffsets)
        read.offsets = name == runtime::kChosenOffsets ? &ObjectiveInputs::chosenOffsets
                                                       : &ObjectiveInputs::rejectedOffsets;
      else if (auto input = dsl::inputByName(name))
        read.input = *input;
      else
        read.column = columnIndex(name);
      reads_.push_back(read);
    }
    for (const std::string &name : signature.gradients)
      gradients_.push_back(*dsl::inputByName(name));
  }

  const dsl::Program &program() const override { return program_; }
  std::span<const double> parameters() const override { return parameters_; }

  float gradient(const ObjectiveInputs &inputs, const ObjectiveGradients &gradients) override {
    for (std::span<float> values : gradients)
      std::fill(values.begin(), values.end(), 0.0f);
    std::vector<float *> outputs;
    unwanted_.resize(gradients_.size());
    for (size_t g = 0; g < gradients_.size(); ++g) {
      const std::span<float> wanted = gradients[size_t(gradients_[g])];
      if (wanted.empty())
        unwanted_[g].resize(sizeOf(inputs, gradients_[g]));
      outputs.push_back(wanted.empty() ? unwanted_[g].data() : wanted.data());
    }
    float loss = std::numeric_limits<float>::quiet_NaN();
    kernel_.gradient(arraysOf(inputs), numbersOf(inputs), int64_t(inputs.pairs), &loss,
                     outputs.data());
    return loss;
  }

  void report(const ObjectiveInputs &inputs, ObjectiveReport &out) override {
    out.losses.resize(inputs.pairs);
    out.chosenRewards.resize(inputs.pairs);
    out.rejectedRewards.resize(inputs.pairs);
    // The kernel writes nothing for an empty batch; the mean over no pairs is NaN.
    out.metrics.assign(program_.metrics.size(), std::numeric_limits<float>::quiet_NaN());
    float *rewards[] = {out.chosenRewards.data(), out.rejectedRewards.data()};
    kernel_.report(arraysOf(inputs), numbersOf(inputs), int64_t(inputs.pairs), out.losses.data(),
                   rewards, out.metrics.data());
  }

  // Once per step, in double (SPEC): what the interpreter does.
  std::vector<double> next(const ObjectiveInputs &inputs) override {
    if (program_.states.empty())
      return {};
    return next_
        .evaluate(inputs, parameters_, {.gradients = false, .reports = false, .loss = false})
        .next;
  }

private:
  /// Where one argument of the kernel comes from: offsets, a column, or else an input.
  struct Read {
    std::span<const size_t> ObjectiveInputs::*offsets = nullptr;
    std::optional<size_t> column;
    dsl::Input input{};
  };
  static_assert(sizeof(size_t) == sizeof(int64_t), "offsets are passed as they are");

  size_t columnIndex(const std::string &name) const {
    size_t index = 0;
    while (index < program_.columns.size() && program_.columns[index].name != name)
      ++index;
    assert(index < program_.columns.size() && "a kernel reads what the objective does not have");
    return index;
  }

  const void *const *arraysOf(const ObjectiveInputs &inputs) {
    arrays_.clear();
    for (const Read &read : reads_)
      arrays_.push_back(read.offsets  ? static_cast<const void *>((inputs.*read.offsets).data())
                        : read.column ? columnOf(inputs, *read.column)
                                      : inputs.columns[size_t(read.input)].data());
    return arrays_.data();
  }

  static size_t sizeOf(const ObjectiveInputs &inputs, dsl::Input input) {
    const dsl::Extent extent = dsl::inputExtent(input);
    return extent == dsl::Extent::ChosenToken     ? inputs.chosenOffsets.back()
           : extent == dsl::Extent::RejectedToken ? inputs.rejectedOffsets.back()
                                                  : inputs.pairs;
  }

  /// A column that the data lacks is its default.
  const float *columnOf(const ObjectiveInputs &inputs, size_t column) {
    if (column < inputs.dataColumns.size() && !inputs.dataColumns[column].empty())
      return inputs.dataColumns[column].data();
    defaults_.resize(program_.columns.size());
    defaults_[column].assign(inputs.pairs, float(*program_.columns[column].defaultValue));
    return defaults_[column].data();
  }

  const float *numbersOf(const ObjectiveInputs &inputs) {
    const std::span<const double> states = inputs.states.empty() ? initialStates_ : inputs.states;
    assert(states.size() == program_.states.size());
    std::copy(states.begin(), states.end(), numbers_.begin() + ptrdiff_t(parameters_.size()));
    numbers_.back() = float(inputs.progress);
    return numbers_.data();
  }

  dsl::Program program_;
  runtime::HostKernel kernel_;
  std::vector<double> parameters_;
  std::vector<double> initialStates_;
  std::vector<float> numbers_; // parameters, states, progress
  std::vector<Read> reads_;    // in the kernel's order
  std::vector<dsl::Input> gradients_;
  std::vector<std::vector<float>> unwanted_; // gradients that are computed for nobody
  std::vector<const void *> arrays_;
  std::vector<std::vector<float>> defaults_;
  Interpreted next_; // refers to program_
};

} // namespace

dsl::Evaluation evaluate(Objective &objective, const dsl::Batch &batch) {
  ObjectiveInputs inputs{.pairs = batch.pairs,
                         .progress = batch.progress,
                         .chosenOffsets = batch.chosenOffsets,
                         .rejectedOffsets = batch.rejectedOffsets,
                         .dataColumns = {},
                         .states = batch.states};
  std::array<std::vector<float>, dsl::kInputCount> columns, found;
  ObjectiveGradients gradients;
  for (size_t i = 0; i < dsl::kInputCount; ++i) {
    columns[i] = narrowed(batch.columns[i]);
    inputs.columns[i] = columns[i];
    if (dsl::inputHasGradient(dsl::Input(i)))
      found[i].resize(columns[i].size());
    gradients[i] = found[i];
  }
  std::vector<std::vector<float>> dataColumns;
  for (std::span<const double> values : batch.dataColumns)
    dataColumns.push_back(narrowed(values));
  inputs.dataColumns.assign(dataColumns.begin(), dataColumns.end());

  dsl::Evaluation out;
  out.loss = objective.gradient(inputs, gradients);
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    out.gradients[i].assign(found[i].begin(), found[i].end());
  out.next = objective.next(inputs);
  ObjectiveReport report;
  objective.report(inputs, report);
  const auto widened = [](const std::vector<float> &values) {
    return std::vector<double>(values.begin(), values.end());
  };
  out.losses = widened(report.losses);
  out.chosenRewards = widened(report.chosenRewards);
  out.rejectedRewards = widened(report.rejectedRewards);
  out.metrics = widened(report.metrics);
  return out;
}

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
