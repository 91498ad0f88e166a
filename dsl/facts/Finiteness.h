// Whether float32 evaluation stays finite on a box, proved by branching over sub-boxes or refuted
// by a situation that the interpreter confirms.
#pragma once

#include "dsl/facts/Boxes.h"

#include <optional>

namespace disco::dsl::facts {

enum class Verdict : uint8_t {
  Proved,  // for every situation of the box, by enclosure; never by sampling
  Refuted, // the witness is not finite in the interpreter's float32 mode
  Unknown,
};
std::string_view verdictName(Verdict verdict);

struct Finiteness {
  Verdict verdict = Verdict::Unknown;
  std::optional<Situation> witness; // set when refuted
  size_t boxes = 0;                 // enclosed, at most kMaximalBoxes
};

/// Sub-boxes that one question may cost; a count and not a time, so that answers do not depend on
/// the machine.
constexpr size_t kMaximalBoxes = 1024;

/// Loss and gradients of `program` on the box (SPEC F5).
Finiteness finitenessOn(const Program &program, const Tape &tape,
                        std::span<const double> parameters, Box box);

/// Ranges that states starting at their initial values never leave while every step lies in the
/// box: found by widening until `next` maps them into themselves.
std::vector<Interval> reachableStates(const Program &program, const Tape &tape,
                                      std::span<const double> parameters, Box box);

} // namespace disco::dsl::facts
