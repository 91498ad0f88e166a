// The boxes of situations on which finiteness is judged (SPEC F5), and points to try in them.
#pragma once

#include "dsl/facts/Domain.h"
#include "dsl/facts/Situation.h"

#include <string_view>
#include <vector>

namespace disco::dsl::facts {

/// Log-probabilities lie in [-logps, 0], margins within +-margin, columns within +-logps, KL per
/// token in [0, logps], lengths in [1, length], pairs in [1, pairs]. Step0: policy equals
/// reference.
enum class Box : uint8_t { Step0, Operating, Adversarial };
constexpr Box kBoxes[] = {Box::Step0, Box::Operating, Box::Adversarial};
std::string_view boxName(Box box);

struct BoxLimits {
  double logps, margin, length, pairs;
};
BoxLimits limitsOf(Box box);

/// What a coordinate of a box stands for.
enum class Role : uint8_t {
  Margin, // difference of the two log-ratios
  Common, // their mean
  ReferenceChosen,
  ReferenceRejected,
  ChosenLength,
  RejectedLength,
  Pairs,
  Progress,
  Token, // a log-probability, KL or index, different for every token
  Column,
  State,
};

struct BoxDomain {
  Domain domain;
  std::vector<Role> roles;       // per coordinate
  std::vector<uint32_t> indices; // per coordinate: which column or state
  /// The coordinate that is the number of pairs, if the program reads it through a reduction.
  uint32_t pairs = 0;
};

/// `states` are the ranges of the program's states.
BoxDomain boxDomain(const Tape &tape, const Program &program, std::span<const double> parameters,
                    std::span<const Interval> states, Box box);

/// The pair at a point of the box, rounded to float32; empty where no such pair lies in the box.
std::vector<PairValues> pairAt(const BoxDomain &box, const Program &program, Box which,
                               std::span<const double> point);
/// Pairs at which objectives are known to fail: ties, tiny, ordinary and extreme margins, carried
/// by either side or both, near log-probability 0 and away from it.
std::vector<PairValues> probes(const Program &program, Box which);

} // namespace disco::dsl::facts
