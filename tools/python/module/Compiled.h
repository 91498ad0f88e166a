// One objective as Python holds it: its program, its kernel, and what a call of it may bring. The
// two extension modules share this type: `_core` makes it, `_fast` calls it.
#pragma once

#include "dsl/Program.h"
#include "runtime/Kernel.h"

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace disco::python {

/// The name of the capsules that hold a Compiled.
constexpr const char *kCapsule = "disco.Compiled";

/// How long an array of a call is: the number of pairs, that of all tokens of one side, or one more
/// than the pairs (offsets, which are int64).
enum class Shape : uint8_t { Pairs, ChosenTokens, RejectedTokens, Offsets };

/// An array that a call may bring: an input of the language, offsets, or a column.
struct Argument {
  std::string name;
  Shape shape = Shape::Pairs;
  /// Whether it may require grad. It receives one only if the loss reads it.
  bool hasGradient = false;
  int input = -1;    // position among Signature::inputs; -1: the kernel does not read it
  int gradient = -1; // position among Signature::gradients; -1: the kernel does not read it
  /// Columns: what stands for it where the call has none.
  std::optional<double> defaultValue;
};

struct Compiled {
  dsl::Program program;
  runtime::HostKernel kernel;        // of float32
  std::vector<double> parameters;    // [Program::parameters]
  std::vector<double> initialStates; // [Program::states]
  /// Every array a call may bring, the language's first and in its order: the four positional ones
  /// lead.
  std::vector<Argument> arguments;
  /// What the kernel reads (as Signature::inputs), and what the states after a step are computed
  /// from (that and more): positions among the arguments.
  std::vector<size_t> kernelArguments, stepArguments;
  /// Names the kernel in the arguments of operators and thus in graphs that torch.compile keeps on
  /// disk, so it depends on nothing but the code.
  int64_t key = 0;
  /// Whether it is compiled in this process and not by a worker.
  bool inProcess = false;

  /// The kernel for arrays of float or double; that of double is compiled by the first call that
  /// wants it. Throws std::runtime_error with what the compiler says.
  template <typename Real> const runtime::HostKernel &kernelOf() const {
    if constexpr (std::is_same_v<Real, float>)
      return kernel;
    else
      return doubleKernel();
  }

private:
  const runtime::HostKernel &doubleKernel() const;
  mutable std::once_flag doubleIsCompiled_;
  mutable runtime::HostKernel double_;
};

/// Makes a kernel known to the operators by its key for as long as it lives. False when another
/// program has that key.
bool enlist(const std::shared_ptr<const Compiled> &compiled);
/// The kernel of that key, or null.
std::shared_ptr<const Compiled> enlisted(int64_t key);

} // namespace disco::python
