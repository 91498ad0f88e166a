// A compiled objective on a CUDA device: PTX text, loaded by the driver and launched on a stream
// the caller gives. Its arguments are device addresses; who allocated them does not matter here.
#pragma once

#include "runtime/CudaDriver.h"
#include "runtime/Kernel.h"

#include <span>

namespace disco::runtime {

/// Copyable; the module stays loaded as long as any copy. Launching from several threads is safe.
class PtxKernel {
public:
  /// One block: the reductions over the batch need no second launch and have one fixed order.
  static constexpr unsigned kThreads = 256;

  /// Lets the driver assemble `ptx` for device `ordinal`. An error carries the driver's assembler
  /// log.
  static Result<PtxKernel> load(std::shared_ptr<const CudaDriver> driver, const std::string &ptx,
                                Signature signature, int ordinal = 0);

  const Signature &signature() const { return loaded_->signature; }
  /// The device the kernel was loaded for.
  int ordinal() const { return loaded_->context->ordinal(); }

  /// Enqueues loss[1] and gradients[g][pairs], as HostKernel::gradient gives them, and does not
  /// wait. All arrays are in device memory; spans have the lengths that the signature states.
  Result<void> gradient(std::span<const DeviceAddress> inputs, std::span<const float> parameters,
                        int64_t pairs, DeviceAddress loss, std::span<const DeviceAddress> gradients,
                        CudaStreamHandle stream) const;
  /// Enqueues losses[pairs], the two rewards[pairs] and metrics[m], as HostKernel::report gives
  /// them, and does not wait.
  Result<void> report(std::span<const DeviceAddress> inputs, std::span<const float> parameters,
                      int64_t pairs, DeviceAddress losses, DeviceAddress chosenRewards,
                      DeviceAddress rejectedRewards, DeviceAddress metrics,
                      CudaStreamHandle stream) const;

private:
  struct Loaded {
    std::shared_ptr<const CudaContext> context;
    Signature signature;
    CudaModuleHandle module = nullptr;
    CudaFunctionHandle gradient = nullptr;
    CudaFunctionHandle report = nullptr;
    ~Loaded();
  };
  explicit PtxKernel(std::shared_ptr<const Loaded> loaded) : loaded_(std::move(loaded)) {}
  Result<void> launch(CudaFunctionHandle function, std::span<const DeviceAddress> inputs,
                      std::span<const float> parameters, int64_t pairs,
                      std::span<const DeviceAddress> outputs, CudaStreamHandle stream) const;
  std::shared_ptr<const Loaded> loaded_;
};

} // namespace disco::runtime
