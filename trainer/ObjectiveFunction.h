// A compiled objective as one operation of torch's autograd: forward computes loss and gradient in
// one pass over the pairs, backward only scales. Nothing here knows the trainer; tools/gpu and the
// benchmarks use it alone.
#pragma once

#include "runtime/Kernel.h"
#include "runtime/PtxKernel.h"

#include <ATen/core/Tensor.h>
#include <c10/util/SmallVector.h>

#include <array>
#include <span>
#include <vector>

namespace disco::trainer {

/// An objective with its parameters bound, on the host, on one CUDA device, or on both. Cheap to
/// copy; safe to use from several threads at once.
class ObjectiveKernel {
public:
  /// Parameters in the signature's order, one each. The kernels, when both are given, have the same
  /// signature. Throws c10::ValueError for another number of parameters, and for a kernel that this
  /// function cannot call: of float64, of state or tokens, or one without inputs.
  ObjectiveKernel(runtime::HostKernel host, std::span<const double> parameters);
  ObjectiveKernel(runtime::PtxKernel device, std::span<const double> parameters);
  void add(runtime::PtxKernel device);

  const runtime::Signature &signature() const { return signature_; }
  std::span<const float> parameters() const {
    return std::span(numbers_).first(signature_.parameters.size());
  }
  /// The parameters and what follows them in a call of the host kernel.
  std::span<const float> numbers() const { return numbers_; }
  const runtime::HostKernel *host() const { return host_ ? &host_ : nullptr; }
  /// The kernel for a CUDA device, or null.
  const runtime::PtxKernel *device(int ordinal) const;
  /// The position of gradient `g` among the inputs, or -1: the objective does not read that input.
  int gradientInput(size_t g) const { return gradientInputs_[g]; }

private:
  runtime::Signature signature_;
  std::vector<float> numbers_;
  std::array<int, 2> gradientInputs_{};
  runtime::HostKernel host_;
  std::vector<runtime::PtxKernel> devices_;
  void bind(std::span<const double> parameters);
};

/// The mean loss over the pairs, a scalar on the inputs' device, on which backward() gives d loss /
/// d input to the inputs that the signature lists under `gradients`. `inputs` are in the
/// signature's order, each float32 [pairs] on one device; ones that are not contiguous are copied.
/// On CUDA it runs on torch's current stream and does not wait for it.
///
/// Throws c10::Error (it is called like an operator of torch) when the number, dtype, shape or
/// device of the inputs is wrong, when there are more than kMostPairs pairs, when an input without
/// a gradient requires one, and when the device has no kernel. backward() throws when it is asked
/// for a differentiable gradient (create_graph): kernels give first derivatives only.
at::Tensor applyObjective(const ObjectiveKernel &kernel, at::TensorList inputs);

/// Gradients of a loss, one for each variable.
using Gradients = c10::SmallVector<at::Tensor, 2>;

/// `loss`, a new scalar without history, as a node of the graph: backward() gives each variable its
/// gradient, of that shape, times what arrives at the loss. Gradients belong to the graph from then
/// on. backward() throws when a differentiable gradient is wanted, as above.
at::Tensor withGradients(at::Tensor loss, at::TensorList variables, Gradients gradients);

/// Calls body(data, i) for 0 <= i < count from torch's own threads, as many as
/// `at::set_num_threads` says: what large batches are walked with (runtime/Plan.h).
void inTorchThreads(int64_t count, void (*body)(void *data, int64_t i), void *data);

} // namespace disco::trainer
