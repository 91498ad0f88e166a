// Summation over pairs in one fixed order (SPEC N4): a sum repeated is bit-identical.
#pragma once

#include <cstddef>
#include <span>

namespace disco::dsl {

/// Sums halves recursively, runs of up to 8 from left to right, in double whatever the precision of
/// the terms.
inline double sumInOrder(std::span<const double> terms) {
  if (terms.size() <= 8) {
    double sum = 0;
    for (double term : terms)
      sum += term;
    return sum;
  }
  const size_t half = terms.size() / 2;
  return sumInOrder(terms.first(half)) + sumInOrder(terms.subspan(half));
}

} // namespace disco::dsl
