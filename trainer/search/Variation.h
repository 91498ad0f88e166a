// The moves of the grammar proposer on genomes. Each is a pure function of its inputs and the
// random numbers it draws.
#pragma once

#include "trainer/data/Random.h"
#include "trainer/search/Expression.h"

namespace disco::search {

/// Generates typed expressions over inputs, prelude names and the given parameters.
class Generator {
public:
  Generator(data::Random &random, std::span<const dsl::Parameter> parameters)
      : random_(random), parameters_(parameters) {}

  /// An expression of this type whose applications nest at most `depth` deep.
  ExpressionRef generate(dsl::Type type, unsigned depth);

private:
  ExpressionRef leaf(dsl::Extent extent);
  ExpressionRef number();
  ExpressionRef apply(const Form &form, dsl::Extent extent, unsigned depth);

  data::Random &random_;
  std::span<const dsl::Parameter> parameters_;
};

/// A fresh objective: a random function of the scaled margin and, now and then, of more.
Genome generateGenome(data::Random &random);
/// One to three small changes: a subtree replaced, a constant moved, an operation substituted, a
/// subtree wrapped, a subtree shrunk to one of its operands.
Genome mutate(const Genome &parent, data::Random &random);
/// A subtree of `first` replaced by one of the same type of `second`, or the two losses blended by
/// a weight. Where both have a parameter of one name, the first one's is kept.
Genome crossover(const Genome &first, const Genome &second, data::Random &random);

} // namespace disco::search
