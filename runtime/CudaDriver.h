// The CUDA driver library, found when the program runs. The few functions and types used are
// declared here, so that one build serves machines with and without a GPU and needs no CUDA
// toolkit. Nothing here knows about objectives.
#pragma once

#include "dsl/support/Result.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace disco::runtime {

/// Driver API types under readable names; each has the ABI of the CU* type in its comment.
using CudaStatus = int;            // CUresult, 0 is success
using CudaDeviceId = int;          // CUdevice
using CudaContextHandle = void *;  // CUcontext
using CudaModuleHandle = void *;   // CUmodule
using CudaFunctionHandle = void *; // CUfunction
using CudaStreamHandle = void *;   // CUstream; the same handle as the runtime API's cudaStream_t
using DeviceAddress = uint64_t;    // CUdeviceptr

/// The functions used, by the names the library exports. The memory functions serve callers that
/// have no torch.
#define DISCO_CUDA_FUNCTIONS(X)                                                                    \
  X(cuInit, (unsigned flags))                                                                      \
  X(cuGetErrorString, (CudaStatus status, const char **text))                                      \
  X(cuDriverGetVersion, (int *version))                                                            \
  X(cuDeviceGetCount, (int *count))                                                                \
  X(cuDeviceGet, (CudaDeviceId * device, int ordinal))                                             \
  X(cuDeviceGetName, (char *name, int size, CudaDeviceId device))                                  \
  X(cuDevicePrimaryCtxRetain, (CudaContextHandle * context, CudaDeviceId device))                  \
  X(cuDevicePrimaryCtxRelease_v2, (CudaDeviceId device))                                           \
  X(cuCtxPushCurrent_v2, (CudaContextHandle context))                                              \
  X(cuCtxPopCurrent_v2, (CudaContextHandle * context))                                             \
  X(cuModuleLoadDataEx, (CudaModuleHandle * module, const void *image, unsigned optionCount,       \
                         const int *options, void **optionValues))                                 \
  X(cuModuleUnload, (CudaModuleHandle module))                                                     \
  X(cuModuleGetFunction,                                                                           \
    (CudaFunctionHandle * function, CudaModuleHandle module, const char *name))                    \
  X(cuLaunchKernel, (CudaFunctionHandle function, unsigned gridX, unsigned gridY, unsigned gridZ,  \
                     unsigned blockX, unsigned blockY, unsigned blockZ, unsigned sharedBytes,      \
                     CudaStreamHandle stream, void **arguments, void **extra))                     \
  X(cuStreamSynchronize, (CudaStreamHandle stream))                                                \
  X(cuMemAlloc_v2, (DeviceAddress * address, size_t bytes))                                        \
  X(cuMemFree_v2, (DeviceAddress address))                                                         \
  X(cuMemcpyHtoD_v2, (DeviceAddress to, const void *from, size_t bytes))                           \
  X(cuMemcpyDtoH_v2, (void *to, DeviceAddress from, size_t bytes))

/// The loaded driver. Stays loaded until the process ends: the library does not survive being
/// closed.
class CudaDriver {
public:
  /// Opens the library, finds every function and initialises it. Errors: no such library ("no CUDA
  /// driver: ..."), a function missing, or cuInit failing (no device, driver and library of
  /// different versions).
  static Result<std::shared_ptr<const CudaDriver>>
  load(const std::string &library = "libcuda.so.1");

  /// An error naming what was attempted and the driver's own words, unless `status` is success.
  Result<void> check(CudaStatus status, std::string_view attempted) const;

  Result<int> deviceCount() const;
  Result<std::string> deviceName(int ordinal) const;
  /// The newest CUDA the driver supports, e.g. 13000 for 13.0. It bounds the PTX version that
  /// loads.
  Result<int> version() const;

#define DISCO_CUDA_POINTER(NAME, PARAMETERS) CudaStatus(*NAME) PARAMETERS = nullptr;
  DISCO_CUDA_FUNCTIONS(DISCO_CUDA_POINTER)
#undef DISCO_CUDA_POINTER

private:
  CudaDriver() = default;
};

/// A device's primary context, which is the one torch and the CUDA runtime use. Releases it when
/// destroyed.
class CudaContext {
public:
  static Result<std::shared_ptr<const CudaContext>> retain(std::shared_ptr<const CudaDriver> driver,
                                                           int ordinal);
  ~CudaContext();
  CudaContext(const CudaContext &) = delete;
  CudaContext &operator=(const CudaContext &) = delete;

  const CudaDriver &driver() const { return *driver_; }
  int ordinal() const { return ordinal_; }

  /// Makes the context current on this thread for as long as it lives. autograd calls from threads
  /// that have none.
  class Scope {
  public:
    explicit Scope(const CudaContext &context);
    ~Scope();
    Scope(const Scope &) = delete;
    Scope &operator=(const Scope &) = delete;
    /// Whether making it current worked.
    const Result<void> &entered() const { return entered_; }

  private:
    const CudaContext &context_;
    Result<void> entered_;
  };

private:
  CudaContext(std::shared_ptr<const CudaDriver> driver, int ordinal, CudaDeviceId device,
              CudaContextHandle handle)
      : driver_(std::move(driver)), ordinal_(ordinal), device_(device), handle_(handle) {}
  std::shared_ptr<const CudaDriver> driver_;
  int ordinal_;
  CudaDeviceId device_;
  CudaContextHandle handle_;
};

} // namespace disco::runtime
