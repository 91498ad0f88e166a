// How one entry point of a host kernel runs: which of its functions walk over the pairs, in which
// order, and what is reordered in between. The code of a kernel knows arithmetic only; splitting
// batches, adding up partial sums and sorting are done here.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace disco::runtime {

/// What a kernel computes in, and what its arrays and numbers hold.
enum class Dtype : uint8_t { Float32, Float64 };

/// Calls body(data, i) for 0 <= i < count, in any order and from any threads, and returns when all
/// calls have. Who calls a kernel brings it: a process with threads gets no second set from us.
using ParallelFor = void (*)(int64_t count, void (*body)(void *data, int64_t i), void *data);

/// What every function of a kernel gets (C ABI; compiler/passes/LowerToLoops.cpp writes the loads).
struct Frame {
  const void *const *inputs = nullptr; // in the signature's order
  const void *numbers = nullptr;       // parameters, states, progress
  int64_t pairs = 0;
  void *const *outputs = nullptr; // arrays in the entry point's order, then the means
  const double *totals = nullptr; // reductions of earlier walks
  void *const *stored = nullptr;  // arrays of [pairs] that reorderings read and write
};

/// Walks over the pairs [begin, end) and leaves its reductions over them in `sums`.
extern "C" typedef void (*disco_walk_fn)(const Frame *frame, int64_t begin, int64_t end,
                                         double *sums);

class Plan {
public:
  /// Reads what the compiler wrote:
  ///   plan ::= step ("; " step)*
  ///   step ::= "walk" (" add" | " max" | " loss" | " gradient")*
  ///          | "keep" TO | "sort" FROM TO | "unsort" FROM TO SORT | "means"
  /// A walk leaves a number for each word: a sum, the largest, the sum of the losses, or a sum that
  /// is finite where all gradients are. Numbers count arrays. `keep` says that walks use TO; `sort`
  /// fills TO with FROM in ascending order, NaN last; `unsort` puts each number of FROM where the
  /// sort into SORT took its number from.
  static Result<Plan> parse(std::string_view text);

  /// How many functions the entry point has: one for each walk, and one for the means.
  size_t functions() const { return functions_; }

  /// The first pairs with a loss or a gradient that is not finite; -1 where none is.
  struct Bad {
    int64_t loss = -1, gradient = -1;
  };

  /// Runs `functions`, in the plan's order, on all pairs of the frame, whose arrays and numbers are
  /// of `dtype`; `totals` and `stored` of the frame are ignored. Batches larger than kChunk are
  /// walked in chunks, whose sums are added in their order, so that repeated runs give equal bits
  /// with whatever `parallel`; null walks them one after another. A chunk whose losses or gradients
  /// are not finite is walked again in ever smaller parts, which finds the pair.
  Bad run(const disco_walk_fn *functions, const Frame &frame, Dtype dtype = Dtype::Float32,
          ParallelFor parallel = nullptr) const;

  static constexpr int64_t kChunk = 4096;

private:
  enum class Kind : uint8_t { Walk, Sort, Unsort, Means };
  enum class Total : uint8_t { Sum, Largest, Loss, Gradient };
  struct Step {
    Kind kind = Kind::Walk;
    std::vector<Total> left; // Walk: what it leaves
    size_t from = 0, to = 0, sort = 0;
  };
  struct Walk;
  static void walk(const Walk &walk, double *totals, double *sums, ParallelFor parallel, Bad &bad);

  std::vector<Step> steps_;
  size_t functions_ = 0, totals_ = 0, stored_ = 0, mostSums_ = 0;
};

} // namespace disco::runtime
