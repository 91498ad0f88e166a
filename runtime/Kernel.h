// A compiled objective as something to call: its signature and its two entry points on the host.
// This header knows neither who compiled it nor torch; runtime/README.md has the whole ABI, host
// and device, in one table.
#pragma once

#include "runtime/Plan.h"

#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace disco::runtime {

/// What a kernel reads and writes, and in which order. Part of every artefact.
struct Signature {
  /// Name of the objective: a label for people, never a path.
  std::string objective;
  /// Identity of the program (dsl::codeHash).
  std::string codeHash;
  /// In the order of the `inputs` argument: the language's inputs and the objective's columns, e.g.
  /// "policy_chosen_logps"; then, where tokens are read, kChosenOffsets and kRejectedOffsets.
  std::vector<std::string> inputs;
  /// The inputs that receive a gradient, in output order: always policy_chosen_logps,
  /// policy_rejected_logps, then what is read of the policy per token. An input that the objective
  /// does not read gets zeros.
  std::vector<std::string> gradients;
  /// In the order of the `numbers` argument; after them come the states, then the progress.
  std::vector<std::string> parameters;
  /// One per parameter: the value the author wrote.
  std::vector<double> defaults;
  /// In the order of the `numbers` argument.
  std::vector<std::string> states;
  /// In output order.
  std::vector<std::string> metrics;
  /// How many numbers a call brings.
  size_t numbers() const { return parameters.size() + states.size() + 1; }
  friend bool operator==(const Signature &, const Signature &) = default;
};

/// Inputs of int64 [pairs + 1]: where the tokens of each pair begin in the token inputs of that
/// side, and where the last one's end.
constexpr const char *kChosenOffsets = "chosen_token_offsets";
constexpr const char *kRejectedOffsets = "rejected_token_offsets";

/// More inputs with a gradient than the language has.
constexpr size_t kMostGradients = 15;

/// The functions of one entry point, and how they run.
struct EntryCode {
  Plan plan;
  std::vector<disco_walk_fn> functions;
};

/// A larger batch is refused by whoever brings it: ranks and lanes count pairs in 32 bits.
constexpr int64_t kMostPairs = 0x7FFFFFFF;

/// What a gradient call found that is not finite: sums that are taken anyway tell whether, and only
/// then the pair is looked for.
struct Health {
  enum Flag : uint32_t { NonFiniteLoss = 1, NonFiniteGradient = 2 };
  uint32_t flags = 0;
  /// The first pair that a flag is about; -1 where it is about none, as when a loss of the whole
  /// batch, or the mean of finite losses, is not finite.
  int64_t firstPair = -1;
};

/// A kernel for this process' CPU. Copyable; the code lives as long as any copy. Calls keep no
/// state: they may come from several threads at once.
struct HostKernel {
  Signature signature;
  Dtype dtype = Dtype::Float32;
  EntryCode gradientCode, reportCode;
  std::shared_ptr<const void> keepAlive;

  explicit operator bool() const { return !gradientCode.functions.empty(); }

  /// Real is float for Float32 and double for Float64: what arrays and numbers are of. Inputs are
  /// contiguous arrays of their extent (offsets int64); they may be unaligned and overlap each
  /// other, outputs overlap nothing. `numbers` are the parameters, the states before the step, and
  /// the progress. `pairs` is from 0 to kMostPairs; of 0 pairs the loss is NaN and nothing else is
  /// written. Repeated calls give equal bits, with whatever `parallel`.
  ///
  /// loss[1] is the mean over pairs; gradients[g] is d loss / d input, of that mean, in the extent
  /// of the input.
  template <typename Real>
  Health gradient(const void *const *inputs, const std::type_identity_t<Real> *numbers,
                  int64_t pairs, Real *loss, std::type_identity_t<Real> *const *gradients,
                  ParallelFor parallel = nullptr) const;
  /// losses[pairs], rewards[0][pairs] chosen, rewards[1][pairs] rejected; metrics[m] is the mean
  /// over pairs.
  template <typename Real>
  void report(const void *const *inputs, const std::type_identity_t<Real> *numbers, int64_t pairs,
              Real *losses, std::type_identity_t<Real> *const *rewards,
              std::type_identity_t<Real> *metrics, ParallelFor parallel = nullptr) const;
};

} // namespace disco::runtime
