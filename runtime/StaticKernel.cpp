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
      given.gradients > kMostGradients)
    return nullptr;
  auto kernel = std::make_unique<HostKernel>();
  kernel->signature.gradients.resize(given.gradients);
  if (!setEntry(kernel->gradientCode, given.gradientPlan, given.gradientFunctions) ||
      !setEntry(kernel->reportCode, given.reportPlan, given.reportFunctions))
    return nullptr;
  void *first = nullptr;
  if (made.compare_exchange_strong(first, kernel.get(), std::memory_order_acq_rel))
    return kernel.release();
  return static_cast<HostKernel *>(first); // another thread was first
}

} // namespace

int disco_static_gradient(disco_static_kernel *kernel, const void *const *inputs,
                          const float *numbers, int64_t pairs, float *loss,
                          float *const *gradients) {
  const HostKernel *host = kernelOf(*kernel);
  if (host)
    host->gradient(inputs, numbers, pairs, loss, gradients);
  return host ? 0 : 1;
}

int disco_static_report(disco_static_kernel *kernel, const void *const *inputs,
                        const float *numbers, int64_t pairs, float *losses, float *const *rewards,
                        float *metrics) {
  const HostKernel *host = kernelOf(*kernel);
  if (host)
    host->report(inputs, numbers, pairs, losses, rewards, metrics);
  return host ? 0 : 1;
}
