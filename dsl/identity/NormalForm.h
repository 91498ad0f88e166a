// The normal form of a loss: of its mean over the batch, as a function of real numbers (SPEC 9).
#pragma once

#include "dsl/identity/Algebra.h"

#include <optional>

namespace disco::dsl {

/// SPEC H14: what each of Program::states is, and of those that are read together.
struct StateDigests {
  std::vector<Digest> digests;
  Digest together;
};

class LossForm {
  StateDigests states_;

public:
  /// With the parameters bound to values and all log-probabilities multiplied by `unit`. Throws
  /// Algebra::GiveUp.
  LossForm(const Program &program, std::span<const double> parameters, double unit);
  LossForm(const LossForm &) = delete;

  Algebra algebra;
  TermId value = kNoTerm;
  /// Of a term and the states.
  Digest digest(TermId result) const;
};

/// Equal for losses that the identities SPEC H1 to H14 show to be equal in value and gradient.
Digest lossDigest(const Program &program, std::span<const double> parameters);

/// Equal besides for losses that differ by a positive factor, by terms without gradient, or by a
/// positive factor on all log-probabilities (SPEC H15).
Digest shapeDigest(const Program &program, std::span<const double> parameters);

/// Of the graph as it stands; stands in for a normal form whose numbers leave the range of double.
Digest exactDigest(const Program &program, std::span<const double> parameters);

} // namespace disco::dsl
