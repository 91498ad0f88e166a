// The few statistics that a leaderboard needs. Samples are small (one number per seed), so
// intervals are Student's.
#pragma once

#include <span>

namespace disco::search {

struct MeanInterval {
  double mean = 0;
  double deviation = 0; // sample standard deviation, n - 1
  /// mean -+ t(0.975, n - 1) * deviation / sqrt(n): the two-sided 95 % interval of the mean of
  /// normal samples. With one sample there is no interval: both ends are infinite.
  double lower = 0, upper = 0;
};

/// Of one sample or more.
MeanInterval meanInterval(std::span<const double> samples);

} // namespace disco::search
