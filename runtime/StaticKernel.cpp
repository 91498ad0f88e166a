// See StaticKernel.h.
#include "runtime/StaticKernel.h"

#include "runtime/KernelImage.h"

#include <atomic>
#include <memory>

using namespace disco;
using namespace disco::runtime;

namespace {

bool setEntry(EntryCode &entry, const char *planText, const disco_walk_fn *functions) {
  Result<Plan> plan = Plan::parse(planText);
  if (!plan)
    return false;
  entry.functions.assign(functions, functions + plan->functions());
  entry.plan = std::move(*plan);
  return true;
}

/// The kernel that the constant describes, made on the first call; null where it cannot run.
const HostKernel *kernelOf(disco_static_kernel &given) {
  std::atomic_ref<void *> made(given.made);
  if (void *before = made.load(std::memory_order_acquire))
    return static_cast<HostKernel *>(before);
  const std::optional<Target> cpu = bestTarget();
  if (given.abi != kKernelAbi || !cpu || *cpu < Target(given.target) ||
      given.gradients > kMostGradients || given.dtype > uint32_t(Dtype::Float64))
    return nullptr;
  auto kernel = std::make_unique<HostKernel>();
  kernel->signature.gradients.resize(given.gradients);
  kernel->dtype = Dtype(given.dtype);
  if (!setEntry(kernel->gradientCode, given.gradientPlan, given.gradientFunctions) ||
      !setEntry(kernel->reportCode, given.reportPlan, given.reportFunctions))
    return nullptr;
  void *first = nullptr;
  if (made.compare_exchange_strong(first, kernel.get(), std::memory_order_acq_rel))
    return kernel.release();
  return static_cast<HostKernel *>(first); // another thread was first
}

/// Why a call of the kernel is refused; 0 where it is not.
int refusal(const HostKernel *kernel, int64_t pairs) {
  return !kernel ? -1 : pairs < 0 || pairs > kMostPairs ? -2 : 0;
}

template <typename Real>
int gradient(const HostKernel &kernel, const void *const *inputs, const void *numbers,
             int64_t pairs, void *loss, void *const *gradients, int64_t *firstBad) {
  const Health health =
      kernel.gradient(inputs, static_cast<const Real *>(numbers), pairs, static_cast<Real *>(loss),
                      reinterpret_cast<Real *const *>(gradients));
  if (health.flags && firstBad)
    *firstBad = health.firstPair;
  return int(health.flags);
}

template <typename Real>
void report(const HostKernel &kernel, const void *const *inputs, const void *numbers, int64_t pairs,
            void *losses, void *const *rewards, void *metrics) {
  kernel.report(inputs, static_cast<const Real *>(numbers), pairs, static_cast<Real *>(losses),
                reinterpret_cast<Real *const *>(rewards), static_cast<Real *>(metrics));
}

} // namespace

std::string runtime::exportedName(const std::string &objective, Dtype dtype) {
  return dtype == Dtype::Float32 ? objective : objective + "_" + std::string(dtypeName(dtype));
}

int disco_static_gradient(disco_static_kernel *kernel, const void *const *inputs,
                          const void *numbers, int64_t pairs, void *loss, void *const *gradients,
                          int64_t *first_bad) {
  const HostKernel *host = kernelOf(*kernel);
  if (const int refused = refusal(host, pairs))
    return refused;
  const auto call = host->dtype == Dtype::Float32 ? gradient<float> : gradient<double>;
  return call(*host, inputs, numbers, pairs, loss, gradients, first_bad);
}

int disco_static_report(disco_static_kernel *kernel, const void *const *inputs, const void *numbers,
                        int64_t pairs, void *losses, void *const *rewards, void *metrics) {
  const HostKernel *host = kernelOf(*kernel);
  if (const int refused = refusal(host, pairs))
    return refused;
  const auto call = host->dtype == Dtype::Float32 ? report<float> : report<double>;
  call(*host, inputs, numbers, pairs, losses, rewards, metrics);
  return 0;
}
