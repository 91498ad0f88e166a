// Error bounds of order statistics (sort, quantile, largest), whose values move little when their
// operands do, but whose gradient goes elsewhere when two operands change places.
#include "dsl/ErrorAnalysis.h"
#include "dsl/InterpreterMath.h"

namespace disco::dsl {

namespace {

/// All values as low (direction -1) or as high (1) as float32 may have them, ascending.
std::vector<double> extremes(std::span<const Estimate> values, double direction) {
  std::vector<double> moved, ascending;
  for (const Estimate &x : values)
    moved.push_back(x.error == 0 ? x.value : x.value + direction * x.error);
  for (uint32_t i : rankOrder(moved))
    ascending.push_back(moved[i]);
  return ascending;
}

/// Whether a value may be anything in float32, NaN too: nothing is then known of any rank.
bool mayBeAnything(std::span<const Estimate> values) {
  return std::any_of(values.begin(), values.end(), [](const Estimate &x) {
    return x.error != 0 && !std::isfinite(x.value + x.error);
  });
}

/// How far y may be from what lies between low and high around it.
double distance(double low, double y, double high) {
  const auto between = [](double a, double b) {
    return a == b || (a != a && b != b) ? 0 : std::fabs(a - b);
  };
  return std::max(between(low, y), between(y, high));
}

/// The weight of a rank in the quantile at place p of the ranks: 1 at p itself, 0 from one away.
double weightAt(double distance) { return std::max(0.0, 1 - distance); }

} // namespace

std::vector<Estimate> ErrorAnalysis::valuesOf(NodeId id) const {
  std::vector<Estimate> values;
  for (size_t pair = 0; pair < of_.pairs_; ++pair)
    values.push_back(value(id, pair));
  return values;
}

/// The ranks that float32 may give a pair, first and last: beyond those that it certainly follows
/// or precedes.
ErrorAnalysis::Ranks ErrorAnalysis::ranksOf(NodeId id, size_t pair) const {
  const Estimate x = value(id, pair);
  Ranks ranks{0, of_.pairs_ - 1};
  for (size_t other = 0; other < of_.pairs_; ++other) {
    const Estimate y = value(id, other);
    if (other == pair || uncertain(x, y))
      continue;
    const bool less = y.value < x.value || (x.value != x.value && y.value == y.value);
    const bool greater = x.value < y.value || (y.value != y.value && x.value == x.value);
    if (less || (!greater && other < pair))
      ++ranks.first;
    else
      --ranks.second;
  }
  return ranks;
}

/// The k-th smallest of numbers that each move by at most their error lies between the k-th
/// smallest of them all moved down and of them all moved up.
void ErrorAnalysis::sortErrors(NodeId id) {
  const NodeId operand = program_[id].operands[0];
  const std::vector<Estimate> values = valuesOf(operand);
  const std::vector<double> low = extremes(values, -1), high = extremes(values, 1);
  for (size_t i = 0; i < of_.pairs_; ++i) {
    const double y = of_.value_[id][i];
    const double error = mayBeAnything(values) ? kInfinity : distance(low[i], y, high[i]);
    store(of_.value_[id], i, closed(y, error).error);
    const Ranks ranks = ranksOf(operand, i);
    branches(id, i, ranks.first != ranks.second);
  }
}

/// A quantile rises with every value and with q, so that it lies between those of both extremes.
double ErrorAnalysis::quantileError(NodeId id) {
  const Node &node = program_[id];
  const std::vector<Estimate> values = valuesOf(node.operands[0]);
  const Estimate q = value(node.operands[1], 0);
  const double y = of_.value_[id][0];
  const auto at = [&](double direction) {
    const std::vector<double> ascending = extremes(values, direction);
    return interpolated(ascending, q.value + direction * q.error);
  };
  const double low = at(-1), high = at(1);
  for (size_t pair = 0; pair < values.size(); ++pair) {
    const Ranks ranks = ranksOf(node.operands[0], pair);
    branches(id, 0, ranks.first != ranks.second && fromQuantile({1, 0}, id, pair).error != 0);
  }
  if (mayBeAnything(values) || std::isnan(low) != std::isnan(y) ||
      std::isnan(high) != std::isnan(y))
    return kInfinity;
  // Engines may round the two weights and the two products, which are exact at a rank.
  std::vector<double> magnitudes;
  for (double x : extremes(values, 0))
    magnitudes.push_back(std::fabs(x));
  const std::optional<QuantilePlace> place = quantilePlace(values.size(), q.value);
  const bool atRank = q.error == 0 && place && place->weight == 0;
  const double weighed =
      atRank ? 0 : 2 * tolerance::unit * interpolated(magnitudes, q.value) + tolerance::underflow;
  return roundedOnce(y, distance(low, y, high) + weighed).error;
}

double ErrorAnalysis::maxError(NodeId id) {
  const std::vector<Estimate> values = valuesOf(program_[id].operands[0]);
  for (size_t pair = 0; pair < values.size(); ++pair)
    branches(id, 0, fromMax({1, 0}, id, pair).error != 0);
  if (mayBeAnything(values))
    return kInfinity;
  const double y = of_.value_[id][0];
  return values.empty()
             ? 0
             : closed(y, distance(largest(extremes(values, -1)), y, largest(extremes(values, 1))))
                   .error;
}

Estimate ErrorAnalysis::fromSort(NodeId id, size_t pair) const {
  const NodeId operand = program_[id].operands[0];
  const std::vector<uint32_t> order = rankOrder({of_.value_[operand].data, of_.pairs_});
  const size_t rank = size_t(std::find(order.begin(), order.end(), pair) - order.begin());
  const auto [first, last] = ranksOf(operand, pair);
  Estimate passed = at(of_.adjoint_[id], rank);
  for (size_t other = first; other <= last; ++other) {
    const Estimate g = at(of_.adjoint_[id], other);
    passed.error = std::max(passed.error, std::fabs(g.value - passed.value) + g.error);
  }
  return passed;
}

/// `g` times the weight of a pair in the quantile. The weight falls from 1 to 0 over one rank on
/// either side of the quantile's place.
Estimate ErrorAnalysis::fromQuantile(const Estimate &g, NodeId id, size_t pair) const {
  const Node &node = program_[id];
  const double steps = double(of_.pairs_ - 1);
  const Estimate q = value(node.operands[1], 0);
  if (!quantilePlace(of_.pairs_, q.value))
    return {0, q.error == 0 ? 0 : kInfinity};
  const auto [first, last] = ranksOf(node.operands[0], pair);
  const std::vector<uint32_t> order = rankOrder({of_.value_[node.operands[0]].data, of_.pairs_});
  const double rank = double(std::find(order.begin(), order.end(), pair) - order.begin());
  const double place = q.value * steps, slack = q.error * steps;
  const double weight = weightAt(std::fabs(rank - place));
  // Of all ranks and places that float32 may have: the nearest and the farthest from each other.
  const double nearest = std::max({0.0, double(first) - place, place - double(last)}) - slack;
  const double farthest = std::max(place - double(first), double(last) - place) + slack;
  const double most = weightAt(std::max(0.0, nearest)), least = weightAt(farthest);
  if (most == 0)
    return {};
  return times(g, {weight, std::max(most - weight, weight - least)});
}

/// `g` shared by the largest. What may be the largest in float32 is what is not certainly less than
/// the largest in double.
Estimate ErrorAnalysis::fromMax(const Estimate &g, NodeId id, size_t pair) const {
  const std::vector<Estimate> values = valuesOf(program_[id].operands[0]);
  const double y = of_.value_[id][0];
  const auto isLargest = [&](const Estimate &x) {
    return x.value == y || (x.value != x.value && y != y);
  };
  const Estimate top = *std::find_if(values.begin(), values.end(), isLargest);
  const auto mayBe = [&](const Estimate &x) { return isLargest(x) || uncertain(x, top); };
  if (!mayBe(values[pair]))
    return {};
  const double ties = double(std::count_if(values.begin(), values.end(), isLargest));
  const double share = isLargest(values[pair]) ? 1 / ties : 0;
  const bool certain = std::none_of(values.begin(), values.end(), [&](const Estimate &x) {
    return mayBe(x) && !(isLargest(x) && !uncertain(x, top));
  });
  if (!certain && std::count_if(values.begin(), values.end(), mayBe) > 1)
    return shared(g, share, true);
  return ties == 1 ? g : roundedOnce(g.value * share, g.error * share);
}

} // namespace disco::dsl
