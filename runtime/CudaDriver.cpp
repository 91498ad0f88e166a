// Finding the driver library and turning its status codes into errors.
#include "runtime/CudaDriver.h"

#include <dlfcn.h>

using namespace disco;
using namespace disco::runtime;

Result<std::shared_ptr<const CudaDriver>> CudaDriver::load(const std::string &library) {
  void *handle = dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!handle) {
    const char *reason = dlerror();
    return Error{"no CUDA driver: " + std::string(reason ? reason : library) +
                 "; install the NVIDIA driver, or use the host engine"};
  }
  std::shared_ptr<CudaDriver> driver(new CudaDriver);
  const char *missing = nullptr;
#define DISCO_CUDA_FIND(NAME, PARAMETERS)                                                          \
  driver->NAME = reinterpret_cast<decltype(driver->NAME)>(dlsym(handle, #NAME));                   \
  if (!driver->NAME && !missing)                                                                   \
    missing = #NAME;
  DISCO_CUDA_FUNCTIONS(DISCO_CUDA_FIND)
#undef DISCO_CUDA_FIND
  if (missing)
    return Error{library + ": has no `" + missing + "`; the NVIDIA driver is too old"};
  if (Result<void> started = driver->check(driver->cuInit(0), library + ": initialising"); !started)
    return started.error();
  return std::shared_ptr<const CudaDriver>(std::move(driver));
}

Result<void> CudaDriver::check(CudaStatus status, std::string_view attempted) const {
  if (status == 0)
    return {};
  const char *text = nullptr;
  if (cuGetErrorString(status, &text) != 0 || !text)
    text = "unknown error";
  return Error{std::string(attempted) + " failed: " + text + " (CUDA error " +
               std::to_string(status) + ")"};
}

Result<int> CudaDriver::deviceCount() const {
  int count = 0;
  if (Result<void> asked = check(cuDeviceGetCount(&count), "counting CUDA devices"); !asked)
    return asked.error();
  return count;
}

Result<std::string> CudaDriver::deviceName(int ordinal) const {
  const std::string device = "CUDA device " + std::to_string(ordinal);
  CudaDeviceId id = 0;
  if (Result<void> found = check(cuDeviceGet(&id, ordinal), device + ": selecting it"); !found)
    return found.error();
  char name[256] = {};
  if (Result<void> asked =
          check(cuDeviceGetName(name, sizeof name - 1, id), device + ": naming it");
      !asked)
    return asked.error();
  return std::string(name);
}

Result<int> CudaDriver::version() const {
  int version = 0;
  if (Result<void> asked = check(cuDriverGetVersion(&version), "asking the driver's version");
      !asked)
    return asked.error();
  return version;
}

Result<std::shared_ptr<const CudaContext>>
CudaContext::retain(std::shared_ptr<const CudaDriver> driver, int ordinal) {
  const std::string device = "CUDA device " + std::to_string(ordinal);
  CudaDeviceId id = 0;
  if (Result<void> found =
          driver->check(driver->cuDeviceGet(&id, ordinal), device + ": selecting it");
      !found)
    return found.error();
  CudaContextHandle handle = nullptr;
  if (Result<void> retained = driver->check(driver->cuDevicePrimaryCtxRetain(&handle, id),
                                            device + ": opening its context");
      !retained)
    return retained.error();
  return std::shared_ptr<const CudaContext>(
      new CudaContext(std::move(driver), ordinal, id, handle));
}

CudaContext::~CudaContext() { driver_->cuDevicePrimaryCtxRelease_v2(device_); }

CudaContext::Scope::Scope(const CudaContext &context)
    : context_(context),
      entered_(context.driver_->check(context.driver_->cuCtxPushCurrent_v2(context.handle_),
                                      "making the CUDA context current")) {}

CudaContext::Scope::~Scope() {
  CudaContextHandle popped = nullptr;
  if (entered_)
    context_.driver_->cuCtxPopCurrent_v2(&popped);
}
