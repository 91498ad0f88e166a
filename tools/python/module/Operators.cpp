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
#include <sstream>
#include <stdexcept>
#include <tuple>

using namespace disco;
using namespace disco::python;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

namespace {

/// A new tensor of float or double on the CPU, not filled.
template <typename Real> Tensor emptyTensor(std::optional<int64_t> size) {
  const int64_t stride = 1;
  AtenTensorHandle handle = nullptr;
  TORCH_ERROR_CODE_CHECK(aoti_torch_empty_strided(
      size ? 1 : 0, size ? &*size : &stride, &stride,
      std::is_same_v<Real, double> ? aoti_torch_dtype_float64() : aoti_torch_dtype_float32(),
      aoti_torch_device_type_cpu(), 0, &handle));
  return Tensor(handle);
}

template <typename T> T *dataOf(const Tensor &tensor) {
  return static_cast<T *>(tensor.mutable_data_ptr());
}

/// Throws a RuntimeError, as Python has it, of these parts.
template <typename... Parts> void check(bool holds, const Parts &...parts) {
  if (holds)
    return;
  std::ostringstream text;
  text << "disco: ";
  (text << ... << parts);
  throw std::runtime_error(text.str());
}

std::shared_ptr<const Compiled> kernelOf(int64_t key) {
  std::shared_ptr<const Compiled> compiled = enlisted(key);
  check(compiled != nullptr, "no objective of key ", key,
        " in this process; call disco.compile before running this graph, and keep what it gives");
  return compiled;
}

/// The arrays of one call, checked.
class Call {
public:
  Call(std::shared_ptr<const Compiled> compiled, const std::vector<size_t> &arguments,
       std::vector<Tensor> inputs, const std::vector<double> &numbers)
      : compiled_(std::move(compiled)), arguments_(arguments), tensors_(std::move(inputs)),
        numbers_(numbers) {
    check(tensors_.size() == arguments_.size(), "objective `", compiled_->program.name, "` reads ",
          arguments_.size(), " arrays, got ", tensors_.size());
    check(numbers_.size() == compiled_->kernel.signature.numbers(), "objective `",
          compiled_->program.name, "` takes ", compiled_->kernel.signature.numbers(),
          " numbers, got ", numbers_.size());
    check(numbers_.back() >= 0 && numbers_.back() < 1, "`progress` is ", numbers_.back(),
          ", expected a number in [0, 1)");
    readSizes();
    for (size_t i = 0; i < tensors_.size(); ++i)
      checkArray(argument(i), tensors_[i]);
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
  bool isDouble() const { return type_ == ScalarType::Double; }
  int64_t pairs() const { return pairs_; }
  const void *const *data() const { return data_.data(); }
  int64_t sizeOf(Shape shape) const {
    return shape == Shape::Offsets ? pairs_ + 1 : shape == Shape::Pairs ? pairs_ : tokens(shape);
  }
  template <typename Real> std::vector<Real> numbers() const {
    return {numbers_.begin(), numbers_.end()};
  }

  /// The states after the step: by the interpreter, in double, as SPEC has it.
  std::vector<double> next() const {
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
      if (isDouble())
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
                                       dsl::Precision::Double,
                                       {.gradients = false, .reports = false, .loss = false});
    return result.next;
  }

private:
  int64_t tokens(Shape side) const { return tokens_[side == Shape::RejectedTokens]; }

  /// How many pairs and tokens there are; the first array that knows says it.
  void readSizes() {
    bool known = false, typed = false;
    for (size_t i = 0; i < tensors_.size(); ++i) {
      const Shape shape = argument(i).shape;
      check(tensors_[i].dim() == 1 && tensors_[i].is_cpu(), "`", argument(i).name,
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
    check(most <= runtime::kMostPairs, most, " pairs or tokens are more than the ",
          runtime::kMostPairs, " of one call");
    check(type_ == ScalarType::Float || type_ == ScalarType::Double,
          "inputs are neither float32 nor float64");
  }

  void checkArray(const Argument &argument, const Tensor &tensor) const {
    check(tensor.scalar_type() == (argument.shape == Shape::Offsets ? ScalarType::Long : type_),
          "`", argument.name, "` has another dtype than the rest");
    check(tensor.size(0) == sizeOf(argument.shape), "`", argument.name, "` has ", tensor.size(0),
          " elements, expected ", sizeOf(argument.shape));
  }

  void checkOffsets(const Argument &argument, const int64_t *offsets) const {
    bool rising = offsets[0] == 0;
    for (int64_t i = 0; i < pairs_; ++i)
      rising &= offsets[i] <= offsets[i + 1];
    const bool isChosen = argument.name == runtime::kChosenOffsets;
    check(rising, "`", argument.name, "` does not rise from 0");
    const Shape side = isChosen ? Shape::ChosenTokens : Shape::RejectedTokens;
    for (size_t i = 0; i < tensors_.size(); ++i)
      check(this->argument(i).shape != side || offsets[pairs_] == tokens(side), "`", argument.name,
            "` ends at ", offsets[pairs_], ", but `", this->argument(i).name, "` has ",
            tokens(side), " tokens");
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

template <typename Real> std::tuple<Tensor, Tensor> lossAndGradientsOf(const Call &call) {
  const Compiled &compiled = call.compiled();
  const runtime::HostKernel &kernel = compiled.kernelOf<Real>();
  int64_t size = 0;
  for (const Argument &argument : compiled.arguments)
    if (argument.gradient >= 0)
      size += call.sizeOf(argument.shape);
  Tensor loss = emptyTensor<Real>(std::nullopt), gradients = emptyTensor<Real>(size);
  std::vector<Real> unread(size_t(call.pairs()));
  std::vector<Real *> writes(kernel.signature.gradients.size(), unread.data());
  Real *next = dataOf<Real>(gradients);
  for (const Argument &argument : compiled.arguments)
    if (argument.gradient >= 0) {
      writes[size_t(argument.gradient)] = next;
      next += call.sizeOf(argument.shape);
    }
  kernel.gradient(call.data(), call.numbers<Real>().data(), call.pairs(), dataOf<Real>(loss),
                  writes.data());
  return {loss, gradients};
}

/// Mean loss [], and its gradients, of the inputs that have one and are read, end to end.
std::tuple<Tensor, Tensor> lossAndGradients(std::vector<Tensor> inputs, int64_t key,
                                            std::vector<double> numbers) {
  const auto compiled = kernelOf(key);
  const Call call(compiled, compiled->kernelArguments, std::move(inputs), numbers);
  return call.isDouble() ? lossAndGradientsOf<double>(call) : lossAndGradientsOf<float>(call);
}

template <typename Real> std::tuple<Tensor, Tensor, Tensor, Tensor> reportOf(const Call &call) {
  const int64_t pairs = call.pairs();
  Tensor losses = emptyTensor<Real>(pairs), chosen = emptyTensor<Real>(pairs),
         rejected = emptyTensor<Real>(pairs);
  const size_t count = call.compiled().program.metrics.size();
  Tensor metrics = emptyTensor<Real>(int64_t(count));
  std::fill_n(dataOf<Real>(metrics), count,
              std::numeric_limits<Real>::quiet_NaN()); // of no pairs
  Real *rewards[] = {dataOf<Real>(chosen), dataOf<Real>(rejected)};
  call.compiled().kernelOf<Real>().report(call.data(), call.numbers<Real>().data(), pairs,
                                          dataOf<Real>(losses), rewards, dataOf<Real>(metrics));
  return {losses, chosen, rejected, metrics};
}

/// Losses and rewards [pairs], metrics [metrics].
std::tuple<Tensor, Tensor, Tensor, Tensor> report(std::vector<Tensor> inputs, int64_t key,
                                                  std::vector<double> numbers) {
  const auto compiled = kernelOf(key);
  const Call call(compiled, compiled->kernelArguments, std::move(inputs), numbers);
  return call.isDouble() ? reportOf<double>(call) : reportOf<float>(call);
}

/// The states after the step, float64 [states].
Tensor nextStates(std::vector<Tensor> inputs, int64_t key, std::vector<double> numbers) {
  const auto compiled = kernelOf(key);
  const std::vector<double> next =
      Call(compiled, compiled->stepArguments, std::move(inputs), numbers).next();
  Tensor tensor = emptyTensor<double>(int64_t(next.size()));
  std::copy(next.begin(), next.end(), dataOf<double>(tensor));
  return tensor;
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
