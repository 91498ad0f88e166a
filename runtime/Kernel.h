// A compiled objective as something to call: its signature and its two entry points on the host.
// This header knows neither who compiled it nor torch; runtime/README.md has the whole ABI, host
// and device, in one table.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace disco::runtime {

/// What a kernel reads and writes, and in which order. Part of every artefact.
struct Signature {
  /// Name of the objective: a label for people, never a path.
  std::string objective;
  /// Identity of the program (dsl::codeHash).
  std::string codeHash;
  /// Pair inputs in the order of the `inputs` argument, e.g. "policy_chosen_logps".
  std::vector<std::string> inputs;
  /// The inputs that receive a gradient, in output order: always policy_chosen_logps,
  /// policy_rejected_logps. An input that the objective does not read gets zeros.
  std::vector<std::string> gradients;
  /// In the order of the `parameters` argument.
  std::vector<std::string> parameters;
  /// One per parameter: the value the author wrote.
  std::vector<double> defaults;
  /// In output order.
  std::vector<std::string> metrics;
  friend bool operator==(const Signature &, const Signature &) = default;
};

/// Host entry points (C ABI). All arrays are contiguous float32 and may be unaligned; outputs do
/// not overlap inputs. `pairs` may be 0: then *loss is NaN and nothing else is written. A kernel
/// keeps no state: it may be called from several threads at once.
extern "C" {
/// loss[1] is the mean over pairs; gradients[g][pairs] is d loss / d input, of that mean.
typedef void (*disco_gradient_fn)(const float *const *inputs, const float *parameters,
                                  int64_t pairs, float *loss, float *const *gradients);
/// losses[pairs], rewards[0][pairs] chosen, rewards[1][pairs] rejected; metrics[m] is the mean over
/// pairs.
typedef void (*disco_report_fn)(const float *const *inputs, const float *parameters, int64_t pairs,
                                float *losses, float *const *rewards, float *metrics);
}

/// A kernel for this process' CPU. Copyable; the code lives as long as any copy.
struct HostKernel {
  Signature signature;
  disco_gradient_fn gradient = nullptr;
  disco_report_fn report = nullptr;
  std::shared_ptr<const void> keepAlive;
};

} // namespace disco::runtime
