// The entry points of a host kernel as frames for its plans.
#include "runtime/Kernel.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>

namespace disco::runtime {

namespace {
template <typename Real> constexpr Dtype kDtype = Dtype::Float64;
template <> constexpr Dtype kDtype<float> = Dtype::Float32;
} // namespace

template <typename Real>
Health HostKernel::gradient(const void *const *inputs, const std::type_identity_t<Real> *numbers,
                            int64_t pairs, Real *loss, std::type_identity_t<Real> *const *gradients,
                            ParallelFor parallel) const {
  assert(dtype == kDtype<Real> && pairs >= 0 && pairs <= kMostPairs);
  std::array<void *, kMostGradients + 1> outputs;
  const size_t count = signature.gradients.size();
  assert(count < outputs.size());
  std::copy_n(gradients, count, outputs.begin());
  outputs[count] = loss;
  const Plan::Bad bad = gradientCode.plan.run(
      gradientCode.functions.data(),
      {.inputs = inputs, .numbers = numbers, .pairs = pairs, .outputs = outputs.data()}, dtype,
      parallel);
  Health health;
  if (bad.loss >= 0 || (pairs > 0 && !std::isfinite(*loss)))
    health = {Health::NonFiniteLoss, bad.loss};
  if (bad.gradient >= 0) {
    health.firstPair = bad.loss >= 0 ? std::min(bad.loss, bad.gradient) : bad.gradient;
    health.flags |= Health::NonFiniteGradient;
  }
  return health;
}

template <typename Real>
void HostKernel::report(const void *const *inputs, const std::type_identity_t<Real> *numbers,
                        int64_t pairs, Real *losses, std::type_identity_t<Real> *const *rewards,
                        std::type_identity_t<Real> *metrics, ParallelFor parallel) const {
  assert(dtype == kDtype<Real> && pairs >= 0 && pairs <= kMostPairs);
  const std::array<void *, 4> outputs = {losses, rewards[0], rewards[1], metrics};
  reportCode.plan.run(
      reportCode.functions.data(),
      {.inputs = inputs, .numbers = numbers, .pairs = pairs, .outputs = outputs.data()}, dtype,
      parallel);
}

template Health HostKernel::gradient(const void *const *, const float *, int64_t, float *,
                                     float *const *, ParallelFor) const;
template Health HostKernel::gradient(const void *const *, const double *, int64_t, double *,
                                     double *const *, ParallelFor) const;
template void HostKernel::report(const void *const *, const float *, int64_t, float *,
                                 float *const *, float *, ParallelFor) const;
template void HostKernel::report(const void *const *, const double *, int64_t, double *,
                                 double *const *, double *, ParallelFor) const;

} // namespace disco::runtime
