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

} // namespace

disco_kernel *disco_load(const char *path, char *error, size_t error_size) {
  Result<HostKernel> kernel = loadArtefact(path);
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

void disco_gradient(const disco_kernel *kernel, const void *const *inputs, const float *numbers,
                    int64_t pairs, float *loss, float *const *gradients) {
  kernel->host.gradient(inputs, numbers, pairs, loss, gradients);
}

void disco_report(const disco_kernel *kernel, const void *const *inputs, const float *numbers,
                  int64_t pairs, float *losses, float *const *rewards, float *metrics) {
  kernel->host.report(inputs, numbers, pairs, losses, rewards, metrics);
}
