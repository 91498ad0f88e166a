// What an object file of an objective (`discoc --emit=object`) brings, and what it calls: its
// exported functions hand their arguments to the functions here, which live in this library.
#pragma once

#include "runtime/Plan.h"

#include <string>

namespace disco::runtime {
/// What the names of an object and of its C header begin with. Objects of one objective for floats
/// and for doubles have different names: the linker refuses one for the other.
std::string exportedName(const std::string &objective, Dtype dtype);
} // namespace disco::runtime

extern "C" {

/// The one constant of the object; compiler/targets/Exports.cpp writes it, field by field.
struct disco_static_kernel {
  uint32_t abi, target;      // kKernelAbi, Target
  uint32_t gradients, dtype; // dtype: Dtype
  const char *gradientPlan, *reportPlan;
  const disco::runtime::disco_walk_fn *gradientFunctions, *reportFunctions;
  void *made; // on the first call
};

/// HostKernel::gradient and ::report, of float or double as the kernel is. Return what the calls of
/// CInterface.h return, except that -1 says that the code is for another version of the ABI or
/// needs instructions that this CPU lacks.
int disco_static_gradient(disco_static_kernel *kernel, const void *const *inputs,
                          const void *numbers, int64_t pairs, void *loss, void *const *gradients,
                          int64_t *first_bad);
int disco_static_report(disco_static_kernel *kernel, const void *const *inputs, const void *numbers,
                        int64_t pairs, void *losses, void *const *rewards, void *metrics);
}
