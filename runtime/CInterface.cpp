// See CInterface.h.
#include "runtime/CInterface.h"

#include "runtime/Artefact.h"

#include <cstring>
#include <limits>

using namespace disco;
using namespace disco::runtime;

struct disco_kernel {
  HostKernel host;
};

namespace {

const std::vector<std::string> &listOf(const disco_kernel *kernel, disco_list list) {
  const Signature &signature = kernel->host.signature;
  switch (list) {
  case DISCO_INPUTS:
    return signature.inputs;
  case DISCO_GRADIENTS:
    return signature.gradients;
  case DISCO_PARAMETERS:
    return signature.parameters;
  case DISCO_STATES:
    return signature.states;
  case DISCO_METRICS:
    return signature.metrics;
  }
  static const std::vector<std::string> none;
  return none;
}

static_assert(DISCO_NON_FINITE_LOSS == int(Health::NonFiniteLoss) &&
              DISCO_NON_FINITE_GRADIENT == int(Health::NonFiniteGradient));

/// Why a call is refused; 0 where it is not.
int refusal(const disco_kernel *kernel, Dtype dtype, int64_t pairs) {
  if (kernel->host.dtype != dtype)
    return DISCO_OTHER_DTYPE;
  return pairs < 0 || pairs > kMostPairs ? DISCO_BAD_PAIRS : 0;
}

template <typename Real>
int gradient(const disco_kernel *kernel, Dtype dtype, const void *const *inputs,
             const Real *numbers, int64_t pairs, Real *loss, Real *const *gradients,
             int64_t *firstBad) {
  if (const int refused = refusal(kernel, dtype, pairs))
    return refused;
  const Health health = kernel->host.gradient(inputs, numbers, pairs, loss, gradients);
  if (health.flags && firstBad)
    *firstBad = health.firstPair;
  return int(health.flags);
}

template <typename Real>
int report(const disco_kernel *kernel, Dtype dtype, const void *const *inputs, const Real *numbers,
           int64_t pairs, Real *losses, Real *const *rewards, Real *metrics) {
  if (const int refused = refusal(kernel, dtype, pairs))
    return refused;
  kernel->host.report(inputs, numbers, pairs, losses, rewards, metrics);
  return 0;
}

} // namespace

disco_kernel *disco_load(const char *path, disco_dtype dtype, char *error, size_t error_size) {
  const auto load = [&]() -> Result<HostKernel> {
    if (!path)
      return Error{"no path of a .dpoc file was given"};
    if (dtype != DISCO_FLOAT32 && dtype != DISCO_FLOAT64)
      return Error{std::string(path) + ": no dtype is " + std::to_string(int(dtype)) +
                   "; there are DISCO_FLOAT32 and DISCO_FLOAT64"};
    return loadArtefact(path, dtype == DISCO_FLOAT32 ? Dtype::Float32 : Dtype::Float64);
  };
  Result<HostKernel> kernel = load();
  if (kernel)
    return new disco_kernel{std::move(*kernel)};
  if (error && error_size > 0) {
    const size_t size = std::min(error_size - 1, kernel.error().message.size());
    std::memcpy(error, kernel.error().message.data(), size);
    error[size] = '\0';
  }
  return nullptr;
}

void disco_unload(disco_kernel *kernel) { delete kernel; }

size_t disco_count(const disco_kernel *kernel, disco_list list) {
  return listOf(kernel, list).size();
}

const char *disco_name(const disco_kernel *kernel, disco_list list, size_t index) {
  const std::vector<std::string> &names = listOf(kernel, list);
  return index < names.size() ? names[index].c_str() : nullptr;
}

double disco_default(const disco_kernel *kernel, size_t parameter) {
  const std::vector<double> &defaults = kernel->host.signature.defaults;
  return parameter < defaults.size() ? defaults[parameter]
                                     : std::numeric_limits<double>::quiet_NaN();
}

int disco_gradient(const disco_kernel *kernel, const void *const *inputs, const float *numbers,
                   int64_t pairs, float *loss, float *const *gradients, int64_t *first_bad) {
  return gradient(kernel, Dtype::Float32, inputs, numbers, pairs, loss, gradients, first_bad);
}

int disco_report(const disco_kernel *kernel, const void *const *inputs, const float *numbers,
                 int64_t pairs, float *losses, float *const *rewards, float *metrics) {
  return report(kernel, Dtype::Float32, inputs, numbers, pairs, losses, rewards, metrics);
}

int disco_gradient_float64(const disco_kernel *kernel, const void *const *inputs,
                           const double *numbers, int64_t pairs, double *loss,
                           double *const *gradients, int64_t *first_bad) {
  return gradient(kernel, Dtype::Float64, inputs, numbers, pairs, loss, gradients, first_bad);
}

int disco_report_float64(const disco_kernel *kernel, const void *const *inputs,
                         const double *numbers, int64_t pairs, double *losses,
                         double *const *rewards, double *metrics) {
  return report(kernel, Dtype::Float64, inputs, numbers, pairs, losses, rewards, metrics);
}
