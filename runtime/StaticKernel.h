// What an object file of an objective (`discoc --emit=object`) brings, and what it calls: its
// exported functions hand their arguments to the functions here, which live in this library.
#pragma once

#include "runtime/Plan.h"

extern "C" {

/// The one constant of the object; compiler/targets/Exports.cpp writes it, field by field.
struct disco_static_kernel {
  uint32_t abi, target; // kKernelAbi, Target
  uint32_t gradients, reserved;
  const char *gradientPlan, *reportPlan;
  const disco::runtime::disco_walk_fn *gradientFunctions, *reportFunctions;
  void *made; // on the first call
};

/// HostKernel::gradient and ::report. 0, or 1 and nothing written: the code is for another version
/// of the ABI or needs instructions that this CPU lacks.
int disco_static_gradient(disco_static_kernel *kernel, const void *const *inputs,
                          const float *numbers, int64_t pairs, float *loss,
                          float *const *gradients);
int disco_static_report(disco_static_kernel *kernel, const void *const *inputs,
                        const float *numbers, int64_t pairs, float *losses, float *const *rewards,
                        float *metrics);
}
