// The operators of torch that call objectives: what torch.compile puts into its graphs, and what
// stands in for the autograd function where torch is of another version. They are written against
// torch's stable ABI, so that one build serves all versions from 2.10 on. They check what they need
// to be safe; who calls them through disco.Objective gets better messages before.
#include "dsl/Interpreter.h"
#include "tools/python/module/Compiled.h"

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <limits>
#include <tuple>

using namespace disco;
using namespace disco::python;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

namespace {

/// A new tensor on the CPU, not filled.
Tensor emptyTensor(ScalarType type, std::optional<int64_t> size) {
  const int64_t stride = 1;
  AtenTensorHandle handle = nullptr;
  TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(
      size ? 1 : 0, size ? &*size : &stride, &stride,
      type == ScalarType::Double ? aoti_torch_dtype_float64() : aoti_torch_dtype_float32(),
      aoti_torch_device_type_cpu(), 0, &handle));
  return Tensor(handle);
}

template <typename T> T *dataOf(const Tensor &tensor) {
  return static_cast<T *>(tensor.mutable_data_ptr());
}

std::shared_ptr<const Compiled> kernelOf(int64_t key) {
  std::shared_ptr<const Compiled> compiled = enlisted(key);
  STD_TORCH_CHECK(compiled, "disco: no objective of key ", key,
                  " in this process; call disco.compile before running this graph");
  return compiled;
}

/// The arrays of one call, checked.
class Call {
public:
  Call(std::shared_ptr<const Compiled> compiled, const std::vector<size_t> &arguments,
       std::vector<Tensor> inputs, const std::vector<double> &numbers)
      : compiled_(std::move(compiled)), arguments_(arguments), tensors_(std::move(inputs)),
        numbers_(numbers) {
    STD_TORCH_CHECK(tensors_.size() == arguments_.size(), "disco: objective `",
                    compiled_->program.name, "` reads ", arguments_.size(), " arrays, got ",
                    tensors_.size());
    STD_TORCH_CHECK(numbers_.size() == compiled_->kernel.signature.numbers(), "disco: objective `",
                    compiled_->program.name, "` takes ", compiled_->kernel.signature.numbers(),
                    " numbers, got ", numbers_.size());
    readSizes();
    for (size_t i = 0; i < tensors_.size(); ++i)
      check(argument(i), tensors_[i]);
    for (Tensor &tensor : tensors_) {
      if (!tensor.is_contiguous())
        tensor = torch::stable::contiguous(tensor);
      data_.push_back(tensor.data_ptr());
    }
    for (size_t i = 0; i < tensors_.size(); ++i)
      if (argument(i).shape == Shape::Offsets)
        checkOffsets(argument(i), static_cast<const int64_t *>(data_[i]));
  }

  const Compiled &compiled() const { return *compiled_; }
  const Argument &argument(size_t i) const { return compiled_->arguments[arguments_[i]]; }
  ScalarType type() const { return type_; }
  int64_t pairs() const { return pairs_; }
  const void *const *data() const { return data_.data(); }
  int64_t sizeOf(Shape shape) const {
    return shape == Shape::Offsets ? pairs_ + 1 : shape == Shape::Pairs ? pairs_ : tokens(shape);
  }
  std::vector<float> floatNumbers() const { return {numbers_.begin(), numbers_.end()}; }

  /// The interpreter on these arrays, in double.
  dsl::Evaluation interpreted(dsl::Interpreter::Wanted wanted) const {
    const dsl::Program &program = compiled_->program;
    std::vector<std::vector<double>> columns(tensors_.size());
    std::vector<std::span<const double>> dataColumns(program.columns.size());
    dsl::Batch batch;
    batch.pairs = size_t(pairs_);
    batch.progress = numbers_.back();
    for (size_t i = 0; i < tensors_.size(); ++i) {
      const std::string &name = argument(i).name;
      if (argument(i).shape == Shape::Offsets) {
        (name == runtime::kChosenOffsets ? batch.chosenOffsets : batch.rejectedOffsets) = {
            static_cast<const size_t *>(data_[i]), size_t(pairs_) + 1};
        continue;
      }
      const auto take = [&](const auto *values) {
        columns[i].assign(values, values + sizeOf(argument(i).shape));
      };
      if (type_ == ScalarType::Double)
        take(static_cast<const double *>(data_[i]));
      else
        take(static_cast<const float *>(data_[i]));
      if (const auto input = dsl::inputByName(name))
        batch.columns[size_t(*input)] = columns[i];
      for (size_t column = 0; column < program.columns.size(); ++column)
        if (program.columns[column].name == name)
          dataColumns[column] = columns[i];
    }
    batch.dataColumns = dataColumns;
    const std::span numbers(numbers_);
    const size_t parameters = program.parameters.size();
    batch.states = numbers.subspan(parameters, program.states.size());
    dsl::Evaluation result;
    dsl::Interpreter(program).evaluate(batch, numbers.first(parameters), result,
                                       dsl::Precision::Double, wanted);
    return result;
  }

private:
  int64_t tokens(Shape side) const { return tokens_[side == Shape::RejectedTokens]; }

  /// How many pairs and tokens there are; the first array that knows says it.
  void readSizes() {
    bool known = false, typed = false;
    for (size_t i = 0; i < tensors_.size(); ++i) {
      const Shape shape = argument(i).shape;
      STD_TORCH_CHECK(tensors_[i].dim() == 1 && tensors_[i].is_cpu(), "disco: `", argument(i).name,
                      "` is not a vector on the CPU");
      const int64_t size = tensors_[i].size(0);
      if (shape == Shape::ChosenTokens || shape == Shape::RejectedTokens)
        tokens_[shape == Shape::RejectedTokens] = size;
      else if (!known) {
        pairs_ = size - (shape == Shape::Offsets);
        known = true;
      }
      if (shape != Shape::Offsets && !typed) {
        type_ = tensors_[i].scalar_type();
        typed = true;
      }
    }
    const int64_t most = std::max({pairs_, tokens_[0], tokens_[1]});
    STD_TORCH_CHECK(most <= std::numeric_limits<int32_t>::max(), "disco: ", most,
                    " pairs or tokens are more than the 2147483647 of one call");
    STD_TORCH_CHECK(type_ == ScalarType::Float || type_ == ScalarType::Double,
                    "disco: inputs are neither float32 nor float64");
  }

  void check(const Argument &argument, const Tensor &tensor) const {
    STD_TORCH_CHECK(tensor.scalar_type() ==
                        (argument.shape == Shape::Offsets ? ScalarType::Long : type_),
                    "disco: `", argument.name, "` has another dtype than the rest");
    STD_TORCH_CHECK(tensor.size(0) == sizeOf(argument.shape), "disco: `", argument.name, "` has ",
                    tensor.size(0), " elements, expected ", sizeOf(argument.shape));
  }

  void checkOffsets(const Argument &argument, const int64_t *offsets) const {
    bool rising = offsets[0] == 0;
    for (int64_t i = 0; i < pairs_; ++i)
      rising &= offsets[i] <= offsets[i + 1];
    const bool isChosen = argument.name == runtime::kChosenOffsets;
    STD_TORCH_CHECK(rising, "disco: `", argument.name, "` does not rise from 0");
    const Shape side = isChosen ? Shape::ChosenTokens : Shape::RejectedTokens;
    for (size_t i = 0; i < tensors_.size(); ++i)
      STD_TORCH_CHECK(this->argument(i).shape != side || offsets[pairs_] == tokens(side),
                      "disco: `", argument.name, "` ends at ", offsets[pairs_], ", but `",
                      this->argument(i).name, "` has ", tokens(side), " tokens");
  }

  std::shared_ptr<const Compiled> compiled_;
  const std::vector<size_t> &arguments_;
  std::vector<Tensor> tensors_;
  const std::vector<double> &numbers_;
  std::vector<const void *> data_;
  ScalarType type_ = ScalarType::Float;
  int64_t pairs_ = 0;
  std::array<int64_t, 2> tokens_{};
};

Tensor tensorOf(const std::vector<double> &values) {
  Tensor tensor = emptyTensor(ScalarType::Double, int64_t(values.size()));
  std::copy(values.begin(), values.end(), dataOf<double>(tensor));
  return tensor;
}

/// Mean loss [], and its gradients, of the inputs that have one and are read, end to end.
std::tuple<Tensor, Tensor> lossAndGradients(std::vector<Tensor> inputs, int64_t key,
                                            std::vector<double> numbers) {
  const auto compiled = kernelOf(key);
  const Call call(compiled, compiled->kernelArguments, std::move(inputs), numbers);
  int64_t size = 0;
  for (const Argument &argument : compiled->arguments)
    if (argument.gradient >= 0)
      size += call.sizeOf(argument.shape);
  Tensor loss = emptyTensor(call.type(), std::nullopt);
  Tensor gradients = emptyTensor(call.type(), size);
  if (call.type() == ScalarType::Double) {
    const dsl::Evaluation found =
        call.interpreted({.gradients = true, .reports = false, .next = false});
    *dataOf<double>(loss) = found.loss;
    double *to = dataOf<double>(gradients);
    for (const Argument &argument : compiled->arguments)
      if (argument.gradient >= 0) {
        const auto &from = found.gradients[size_t(*dsl::inputByName(argument.name))];
        to = from.empty() ? std::fill_n(to, call.sizeOf(argument.shape), 0.0)
                          : std::copy(from.begin(), from.end(), to);
      }
    return {loss, gradients};
  }
  const std::vector<float> floats = call.floatNumbers();
  std::vector<float> unread(size_t(call.pairs()));
  std::vector<float *> writes(compiled->kernel.signature.gradients.size(), unread.data());
  float *next = dataOf<float>(gradients);
  for (const Argument &argument : compiled->arguments)
    if (argument.gradient >= 0) {
      writes[size_t(argument.gradient)] = next;
      next += call.sizeOf(argument.shape);
    }
  compiled->kernel.gradient(call.data(), floats.data(), call.pairs(), dataOf<float>(loss),
                            writes.data());
  return {loss, gradients};
}

/// Losses and rewards [pairs], metrics [metrics].
std::tuple<Tensor, Tensor, Tensor, Tensor> report(std::vector<Tensor> inputs, int64_t key,
                                                  std::vector<double> numbers) {
  const auto compiled = kernelOf(key);
  const Call call(compiled, compiled->kernelArguments, std::move(inputs), numbers);
  if (call.type() == ScalarType::Double) {
    const dsl::Evaluation found =
        call.interpreted({.gradients = false, .reports = true, .next = false});
    return {tensorOf(found.losses), tensorOf(found.chosenRewards), tensorOf(found.rejectedRewards),
            tensorOf(found.metrics)};
  }
  const auto made = [](int64_t size) { return emptyTensor(ScalarType::Float, size); };
  Tensor losses = made(call.pairs()), chosen = made(call.pairs()), rejected = made(call.pairs());
  Tensor metrics = made(int64_t(compiled->program.metrics.size()));
  std::fill_n(dataOf<float>(metrics), compiled->program.metrics.size(),
              std::numeric_limits<float>::quiet_NaN()); // of no pairs
  const std::vector<float> floats = call.floatNumbers();
  float *rewards[] = {dataOf<float>(chosen), dataOf<float>(rejected)};
  compiled->kernel.report(call.data(), floats.data(), call.pairs(), dataOf<float>(losses), rewards,
                          dataOf<float>(metrics));
  return {losses, chosen, rejected, metrics};
}

/// The states after the step, float64 [states]: in double, as SPEC has it.
Tensor nextStates(std::vector<Tensor> inputs, int64_t key, std::vector<double> numbers) {
  const auto compiled = kernelOf(key);
  const Call call(compiled, compiled->stepArguments, std::move(inputs), numbers);
  return tensorOf(call.interpreted({.gradients = false, .reports = false, .next = true}).next);
}

} // namespace

STABLE_TORCH_LIBRARY(disco, library) {
  library.def("loss_and_gradients(Tensor[] inputs, int kernel, float[] numbers) -> "
              "(Tensor, Tensor)");
  library.def("report(Tensor[] inputs, int kernel, float[] numbers) -> "
              "(Tensor, Tensor, Tensor, Tensor)");
  library.def("next_states(Tensor[] inputs, int kernel, float[] numbers) -> Tensor");
}

STABLE_TORCH_LIBRARY_IMPL(disco, CPU, library) {
  library.impl("loss_and_gradients", TORCH_BOX(&lossAndGradients));
  library.impl("report", TORCH_BOX(&report));
  library.impl("next_states", TORCH_BOX(&nextStates));
}
