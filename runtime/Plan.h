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

/// What every function of a kernel gets (C ABI; compiler/passes/LowerToLoops.cpp writes the loads).
struct Frame {
  const void *const *inputs = nullptr; // in the signature's order
  const float *numbers = nullptr;      // parameters, states, progress
  int64_t pairs = 0;
  void *const *outputs = nullptr; // arrays in the entry point's order, then the means
  const double *totals = nullptr; // reductions of earlier walks
  float *const *stored = nullptr; // arrays of [pairs] that reorderings read and write
};

/// Walks over the pairs [begin, end) and leaves its reductions over them in `sums`.
extern "C" typedef void (*disco_walk_fn)(const Frame *frame, int64_t begin, int64_t end,
                                         double *sums);

class Plan {
public:
  /// Reads what the compiler wrote:
  ///   plan ::= step ("; " step)*
  ///   step ::= "walk" (" add" | " max")* | "sort" FROM TO | "unsort" FROM TO SORT | "means"
  /// Numbers count arrays. `sort` fills TO with FROM in ascending order, NaN last; `unsort` puts
  /// each number of FROM where the sort into SORT took its number from.
  static Result<Plan> parse(std::string_view text);

  /// How many functions the entry point has: one for each walk, and one for the means.
  size_t functions() const { return functions_; }

  /// Runs `functions`, in the plan's order, on all pairs of the frame; `totals` and `stored` of the
  /// frame are ignored. Batches larger than kChunk are walked in chunks, whose sums are added in
  /// their order, so that repeated runs give equal bits.
  void run(const disco_walk_fn *functions, const Frame &frame) const;

  static constexpr int64_t kChunk = 4096;

private:
  enum class Kind : uint8_t { Walk, Sort, Unsort, Means };
  struct Step {
    Kind kind = Kind::Walk;
    std::vector<bool> isMax; // Walk: its reductions
    size_t from = 0, to = 0, sort = 0;
  };
  std::vector<Step> steps_;
  size_t functions_ = 0, totals_ = 0, stored_ = 0, mostSums_ = 0;
};

} // namespace disco::runtime
