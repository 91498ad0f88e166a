// The entry points of a host kernel as frames for its plans.
#include "runtime/Kernel.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace disco::runtime {

void HostKernel::gradient(const void *const *inputs, const float *numbers, int64_t pairs,
                          float *loss, float *const *gradients) const {
  std::array<void *, 16> outputs; // the language has six inputs with a gradient
  const size_t count = signature.gradients.size();
  assert(count < outputs.size());
  std::copy_n(gradients, count, outputs.begin());
  outputs[count] = loss;
  gradientCode.plan.run(
      gradientCode.functions.data(),
      {.inputs = inputs, .numbers = numbers, .pairs = pairs, .outputs = outputs.data()});
}

void HostKernel::report(const void *const *inputs, const float *numbers, int64_t pairs,
                        float *losses, float *const *rewards, float *metrics) const {
  const std::array<void *, 4> outputs = {losses, rewards[0], rewards[1], metrics};
  reportCode.plan.run(
      reportCode.functions.data(),
      {.inputs = inputs, .numbers = numbers, .pairs = pairs, .outputs = outputs.data()});
}

} // namespace disco::runtime
