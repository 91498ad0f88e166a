// See Statistics.h.
#include "trainer/search/Statistics.h"

#include <cassert>
#include <cmath>
#include <iterator>
#include <limits>

namespace disco::search {
namespace {

/// The 0.975 quantiles of Student's t with 1, 2, ... degrees of freedom; beyond the table the
/// normal's, 1.960, is close.
constexpr double kStudent[] = {12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306,
                               2.262,  2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
                               2.110,  2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
                               2.060,  2.056, 2.052, 2.048, 2.045, 2.042};
constexpr double kNormal = 1.960;

} // namespace

MeanInterval meanInterval(std::span<const double> samples) {
  assert(!samples.empty() && "an empty sample has no mean");
  MeanInterval result;
  double count = static_cast<double>(samples.size());
  for (double sample : samples)
    result.mean += sample / count;
  double half = std::numeric_limits<double>::infinity();
  if (size_t freedom = samples.size() - 1; freedom > 0) {
    double squares = 0;
    for (double sample : samples)
      squares += (sample - result.mean) * (sample - result.mean);
    result.deviation = std::sqrt(squares / static_cast<double>(freedom));
    double t = freedom <= std::size(kStudent) ? kStudent[freedom - 1] : kNormal;
    half = t * result.deviation / std::sqrt(count);
  }
  result.lower = result.mean - half;
  result.upper = result.mean + half;
  return result;
}

} // namespace disco::search
