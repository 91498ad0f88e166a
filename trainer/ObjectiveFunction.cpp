// The autograd function. At the few pairs of an optimiser step the work is a microsecond and
// torch's own bookkeeping is the rest, so this file creates as few tensors and nodes as autograd
// allows: policy inputs alone are variables of the graph, gradients are kept as they will be
// returned, and nothing on the host goes through the dispatcher.
#include "trainer/ObjectiveFunction.h"

#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/Parallel.h>
#include <ATen/TensorSubclassLikeUtils.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <algorithm>
#include <array>
#include <dlfcn.h>
#include <mutex>
#include <type_traits>

using namespace disco;
using namespace disco::trainer;
using at::Tensor;
using torch::autograd::Node;
using torch::autograd::variable_list;

//===----------------------------------------------------------------------===//
// ObjectiveKernel
//===----------------------------------------------------------------------===//

ObjectiveKernel::ObjectiveKernel(runtime::HostKernel host, std::span<const double> parameters)
    : signature_(host.signature), host_(std::move(host)) {
  bind(parameters);
}

ObjectiveKernel::ObjectiveKernel(runtime::PtxKernel device, std::span<const double> parameters)
    : signature_(device.signature()), devices_{std::move(device)} {
  bind(parameters);
}

void ObjectiveKernel::bind(std::span<const double> parameters) {
  TORCH_CHECK_VALUE(parameters.size() == signature_.parameters.size(), "objective `",
                    signature_.objective, "` has ", signature_.parameters.size(),
                    " parameters, got ", parameters.size());
  TORCH_CHECK_VALUE(signature_.states.empty() &&
                        std::find(signature_.inputs.begin(), signature_.inputs.end(),
                                  runtime::kChosenOffsets) == signature_.inputs.end(),
                    "objective `", signature_.objective,
                    "` keeps state or reads tokens, which this function does not take");
  TORCH_CHECK_VALUE(!signature_.inputs.empty(), "objective `", signature_.objective,
                    "` reads nothing");
  TORCH_CHECK_VALUE(host_.dtype == runtime::Dtype::Float32, "objective `", signature_.objective,
                    "` was compiled for float64, this function takes float32");
  numbers_.assign(parameters.begin(), parameters.end());
  numbers_.resize(signature_.numbers());
  TORCH_CHECK_VALUE(signature_.gradients.size() == gradientInputs_.size(), "objective `",
                    signature_.objective, "` has ", signature_.gradients.size(),
                    " gradients, expected those of the policy's two inputs");
  for (size_t g = 0; g < gradientInputs_.size(); ++g) {
    auto found =
        std::find(signature_.inputs.begin(), signature_.inputs.end(), signature_.gradients[g]);
    gradientInputs_[g] =
        found == signature_.inputs.end() ? -1 : static_cast<int>(found - signature_.inputs.begin());
  }
}

void ObjectiveKernel::add(runtime::PtxKernel device) {
  TORCH_CHECK_VALUE(device.signature() == signature_, "objective `", signature_.objective,
                    "`: its device kernel was compiled from another program");
  devices_.push_back(std::move(device));
}

const runtime::PtxKernel *ObjectiveKernel::device(int ordinal) const {
  for (const runtime::PtxKernel &kernel : devices_)
    if (kernel.ordinal() == ordinal)
      return &kernel;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Forward
//===----------------------------------------------------------------------===//

namespace {
/// Pointers of one call, on the stack.
template <typename T> using Pointers = c10::SmallVector<T, 8>;

void checkInputs(const ObjectiveKernel &kernel, at::TensorList inputs) {
  const runtime::Signature &signature = kernel.signature();
  TORCH_CHECK_VALUE(inputs.size() == signature.inputs.size(), "objective `", signature.objective,
                    "` reads ", signature.inputs.size(), " inputs, got ", inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor &input = inputs[i];
    const std::string &name = signature.inputs[i];
    TORCH_CHECK_VALUE(input.defined(), "input `", name, "` is an undefined tensor");
    TORCH_CHECK_TYPE(input.scalar_type() == at::kFloat, "input `", name, "` is ",
                     input.scalar_type(), ", objectives take float32");
    TORCH_CHECK_VALUE(input.layout() == at::kStrided && input.dim() == 1, "input `", name,
                      "` has shape ", input.sizes(), ", expected [pairs]");
    TORCH_CHECK_VALUE(input.size(0) == inputs[0].size(0), "input `", name, "` has ", input.size(0),
                      " pairs and `", signature.inputs[0], "` has ", inputs[0].size(0));
    TORCH_CHECK_VALUE(input.device() == inputs[0].device(), "input `", name, "` is on ",
                      input.device(), " and `", signature.inputs[0], "` on ", inputs[0].device());
    TORCH_CHECK_VALUE(!input.requires_grad() ||
                          std::find(signature.gradients.begin(), signature.gradients.end(), name) !=
                              signature.gradients.end(),
                      "input `", name,
                      "` requires grad, but objectives give gradients to the policy's "
                      "log-probabilities only; detach it");
  }
  TORCH_CHECK_VALUE(inputs[0].size(0) <= runtime::kMostPairs, "a batch of ", inputs[0].size(0),
                    " pairs; at most ", runtime::kMostPairs, " are evaluated at once");
}

/// Loss [], and the gradients of the policy's chosen and rejected log-probabilities, each [pairs].
struct Values {
  Tensor loss;
  std::array<Tensor, 2> gradients;
};

Values runHost(const ObjectiveKernel &kernel, at::TensorList inputs, int64_t pairs) {
  const runtime::HostKernel *host = kernel.host();
  TORCH_CHECK_VALUE(host, "objective `", kernel.signature().objective,
                    "` was compiled for CUDA only, its inputs are on the CPU");
  Values values{Tensor(at::detail::empty_cpu({}, at::kFloat)), {}};
  Pointers<const void *> reads;
  for (const Tensor &input : inputs)
    reads.push_back(input.const_data_ptr<float>());
  std::array<float *, 2> writes;
  for (size_t g = 0; g < writes.size(); ++g) {
    values.gradients[g] = at::detail::empty_cpu({pairs}, at::kFloat);
    writes[g] = values.gradients[g].mutable_data_ptr<float>();
  }
  host->gradient(reads.data(), kernel.numbers().data(), pairs,
                 values.loss.mutable_data_ptr<float>(), writes.data(), inTorchThreads);
  return values;
}

/// The stream torch is queueing work on. The function is part of torch's C interface and lives in
/// the wheel's CUDA library; looked up by name, so that one build serves the CPU wheel and needs no
/// CUDA header.
runtime::CudaStreamHandle currentStream(int ordinal) {
  using Getter = int32_t (*)(int32_t, void **);
  static const auto getter =
      reinterpret_cast<Getter>(dlsym(RTLD_DEFAULT, "aoti_torch_get_current_cuda_stream"));
  void *stream = nullptr;
  TORCH_CHECK(getter && getter(ordinal, &stream) == 0,
              "torch gave no current stream for CUDA device ", ordinal);
  return stream;
}

Values runDevice(const ObjectiveKernel &kernel, at::TensorList inputs, int64_t pairs,
                 at::Device device) {
  const runtime::PtxKernel *ptx = kernel.device(device.index());
  TORCH_CHECK_VALUE(ptx, "objective `", kernel.signature().objective, "` has no kernel for ",
                    device);
  auto address = [](const void *pointer) {
    return static_cast<runtime::DeviceAddress>(reinterpret_cast<uintptr_t>(pointer));
  };
  const auto options = at::TensorOptions().dtype(at::kFloat).device(device);
  Values values{at::empty({}, options), {}};
  Pointers<runtime::DeviceAddress> reads;
  for (const Tensor &input : inputs)
    reads.push_back(address(input.const_data_ptr<float>()));
  std::array<runtime::DeviceAddress, 2> writes;
  for (size_t g = 0; g < writes.size(); ++g) {
    values.gradients[g] = at::empty({pairs}, options);
    writes[g] = address(values.gradients[g].mutable_data_ptr<float>());
  }
  const Result<void> launched = ptx->gradient(reads, kernel.parameters(), pairs,
                                              address(values.loss.mutable_data_ptr<float>()),
                                              writes, currentStream(device.index()));
  TORCH_CHECK(launched, launched.error().message);
  return values;
}

Values run(const ObjectiveKernel &kernel, at::TensorList inputs) {
  Pointers<Tensor> contiguous;
  if (!std::all_of(inputs.begin(), inputs.end(),
                   [](const Tensor &input) { return input.is_contiguous(); })) {
    for (const Tensor &input : inputs)
      contiguous.push_back(input.contiguous());
    inputs = contiguous;
  }
  const int64_t pairs = inputs[0].size(0);
  const at::Device device = inputs[0].device();
  TORCH_CHECK_VALUE(device.is_cpu() || device.is_cuda(), "objectives run on CPU and CUDA, not on ",
                    device);
  return device.is_cpu() ? runHost(kernel, inputs, pairs)
                         : runDevice(kernel, inputs, pairs, device);
}

//===----------------------------------------------------------------------===//
// Autograd
//===----------------------------------------------------------------------===//

/// The node behind a loss. It is no torch::autograd::Function: that unpacks, wraps and saves as
/// many tensors again as the call has.
struct ObjectiveBackward : Node {
  Gradients gradients; // one per edge
  bool isLastUse = false;

  variable_list apply(variable_list &&gradOutputs) override {
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "objective kernels have no second derivatives; call backward without create_graph");
    std::lock_guard<std::mutex> lock(mutex_);
    variable_list scaled(gradients.size());
    const Tensor &scale = gradOutputs[0];
    if (!scale.defined())
      return scaled;
    const bool one = isOne(scale);
    for (size_t i = 0; i < scaled.size(); ++i) {
      if (!task_should_compute_output(i))
        continue;
      TORCH_CHECK(gradients[i].defined(), torch::autograd::ERR_BACKWARD_TWICE);
      scaled[i] = !one        ? gradients[i] * scale
                  : isLastUse ? std::move(gradients[i])
                              : gradients[i].clone();
    }
    return scaled;
  }

  /// Reading the scale on a device would wait for it, and of a batch of scales there is no one
  /// value: those are always multiplied by.
  static bool isOne(const Tensor &scale) {
    if (!scale.is_cpu() || at::isTensorSubclassLike(scale))
      return false;
    return scale.scalar_type() == at::kDouble ? *scale.const_data_ptr<double>() == 1.0
                                              : *scale.const_data_ptr<float>() == 1.0f;
  }

  void will_release_variables() override { isLastUse = true; }
  void release_variables() override {
    for (Tensor &gradient : gradients)
      gradient.reset();
  }
  std::string name() const override { return "ObjectiveBackward"; }
};

/// Nodes are counted by std::shared_ptr up to torch 2.12, by themselves since.
template <typename T> auto makeNode() {
  if constexpr (std::is_base_of_v<c10::intrusive_ptr_target, T>)
    return c10::make_intrusive<T>();
  else
    return std::make_shared<T>();
}
} // namespace

void trainer::inTorchThreads(int64_t count, void (*body)(void *data, int64_t i), void *data) {
  at::parallel_for(0, count, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      body(data, i);
  });
}

Tensor trainer::withGradients(Tensor loss, at::TensorList variables, Gradients gradients) {
  auto node = makeNode<ObjectiveBackward>();
  node->set_next_edges(torch::autograd::collect_next_edges(variables));
  node->gradients = std::move(gradients);
  torch::autograd::create_gradient_edge(loss, std::move(node));
  return loss;
}

Tensor trainer::applyObjective(const ObjectiveKernel &kernel, at::TensorList inputs) {
  checkInputs(kernel, inputs);
  Values values = run(kernel, inputs);
  c10::SmallVector<Tensor, 2> variables;
  Gradients gradients;
  for (size_t g = 0; g < values.gradients.size(); ++g)
    if (const int input = kernel.gradientInput(g); input >= 0 && inputs[input].requires_grad()) {
      variables.push_back(inputs[input]);
      gradients.push_back(std::move(values.gradients[g]));
    }
  if (variables.empty() || !at::GradMode::is_enabled())
    return std::move(values.loss);
  return withGradients(std::move(values.loss), variables, std::move(gradients));
}
