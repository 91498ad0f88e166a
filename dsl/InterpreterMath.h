// The scalar functions of the interpreter, in double, and the order of pairs by value. What an
// operation is and what its derivative is; not how programs are walked.
#pragma once

#include "dsl/Interpreter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <vector>

namespace disco::dsl {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

/// The result of one operation in the given precision. Rounding a double result of + - * / sqrt to
/// float32 gives what the float32 operation gives: 53 >= 2 * 24 + 2 bits make the double rounding
/// harmless.
template <Precision P> double rounded(double x) {
  if constexpr (P == Precision::Float32)
    return double(float(x));
  else
    return x;
}

inline double sigmoid(double x) {
  if (x >= 0)
    return 1 / (1 + std::exp(-x));
  double e = std::exp(x);
  return e / (1 + e);
}

inline double softplus(double x) { return (x > 0 ? x : 0) + std::log1p(std::exp(-std::fabs(x))); }

inline double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; } // of 0 and NaN: itself

inline double minimum(double a, double b) { return a != a ? a : b != b ? b : std::min(a, b); }
inline double maximum(double a, double b) { return a != a ? a : b != b ? b : std::max(a, b); }

// d/dx sigmoid(x) = sigmoid(x) sigmoid(-x), which keeps its digits where 1 - sigmoid(x) has none.
inline double sigmoidSlope(double x) {
  double e = std::exp(-std::fabs(x));
  return e / ((1 + e) * (1 + e));
}

// d/dx tanh(x) = 1 - tanh(x)^2 = 4 e^-2|x| / (1 + e^-2|x|)^2, likewise.
inline double tanhSlope(double x) {
  double e = std::exp(-2 * std::fabs(x));
  return 4 * e / ((1 + e) * (1 + e));
}

// d/dx x^p = p x^(p-1); 0 at base 0 with p < 1 and for p = 0.
inline double powSlope(double x, double p) {
  if (p == 0 || (x == 0 && p < 1))
    return 0;
  return p * std::pow(x, p - 1);
}

/// The largest value: NaN if any is, and of none.
inline double largest(std::span<const double> values) {
  if (values.empty())
    return kNaN;
  return std::accumulate(values.begin() + 1, values.end(), values.front(), maximum);
}

/// Positions in ascending order of their values, equal values in order of position, NaN last
/// (SPEC N9).
inline std::vector<uint32_t> rankOrder(std::span<const double> values) {
  std::vector<uint32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t i, uint32_t j) {
    return values[i] < values[j] || (values[j] != values[j] && values[i] == values[i]);
  });
  return order;
}

/// Where a quantile lies among values in rank order: value[lower] + weight (value[upper] -
/// value[lower]).
struct QuantilePlace {
  size_t lower = 0, upper = 0; // ranks; upper is lower + 1, or lower where weight is 0
  double weight = 0;           // in [0, 1)
};

/// The place of the q-quantile of `count` values, at rank q (count - 1); none for no values or q
/// outside [0, 1].
inline std::optional<QuantilePlace> quantilePlace(size_t count, double q) {
  if (count == 0 || !(q >= 0 && q <= 1))
    return std::nullopt;
  const double rank = q * double(count - 1), below = std::floor(rank);
  const size_t lower = size_t(below);
  return QuantilePlace{lower, rank > below ? lower + 1 : lower, rank - below};
}

/// The q-quantile of numbers in rank order; NaN if any is, of none, and for q outside [0, 1].
inline double interpolated(std::span<const double> ascending, double q) {
  const std::optional<QuantilePlace> place = quantilePlace(ascending.size(), q);
  if (!place || ascending.back() != ascending.back())
    return kNaN;
  const double lower = ascending[place->lower], upper = ascending[place->upper];
  return place->weight == 0 ? lower : lower + place->weight * (upper - lower);
}

} // namespace disco::dsl
