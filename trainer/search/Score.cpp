// See Score.h.
#include "trainer/search/Score.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace disco::search {
namespace {

/// A training that did not move at all has KL 0; its logarithm must still be a number.
constexpr double kSmallestKl = 1e-9;
/// Longest step of log scale, and the aim beyond the target so that the next training lands on its
/// other side.
const double kLongestStep = std::log(8.0);
const double kShortestStep = std::log(1.3);
constexpr double kOvershoot = 0.25;

double logKl(const Training &training) {
  return std::log(std::max(training.result.klPolicyReference, kSmallestKl));
}
double logScale(const Training &training) { return std::log(training.scale); }

std::string brief(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

/// Four significant digits: scales are for people to read and for caches to meet again.
double rounded(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return std::atof(text);
}

} // namespace

bool usable(const trainer::JobResult &result) {
  auto share = [](double value) { return value >= 0 && value <= 1; }; // false for NaN
  return result.status == trainer::JobResult::Status::Ok && share(result.reward) &&
         share(result.judge) && result.klPolicyReference >= 0 &&
         std::isfinite(result.klPolicyReference);
}

void ScoreSearch::add(double scale, const trainer::JobResult &result) {
  auto place = std::find_if(trainings_.begin(), trainings_.end(),
                            [&](const Training &t) { return t.scale > scale; });
  trainings_.insert(place, {scale, result});
}

/// The tightest pair of neighbours on both sides of the target. A failed training between two good
/// ones separates them.
std::optional<ScoreSearch::Bracket> ScoreSearch::bracket() const {
  double target = std::log(settings_.targetKl);
  std::optional<Bracket> best;
  double bestWidth = 0;
  for (size_t i = 0; i + 1 < trainings_.size(); ++i) {
    const Training &left = trainings_[i], &right = trainings_[i + 1];
    if (!usable(left.result) || !usable(right.result) ||
        (logKl(left) - target) * (logKl(right) - target) > 0)
      continue;
    double width = std::abs(logKl(left) - logKl(right));
    if (!best || width < bestWidth) {
      best = Bracket{&left, &right};
      bestWidth = width;
    }
  }
  return best;
}

/// A scale of the range that was not trained yet, or nothing.
std::optional<double> ScoreSearch::admit(double logScale) const {
  double scale = std::clamp(rounded(std::exp(logScale)), range_.lower, range_.upper);
  for (const Training &training : trainings_)
    if (training.scale == scale)
      return std::nullopt;
  return scale;
}

std::optional<double> ScoreSearch::next() const {
  if (trainings_.size() >= static_cast<size_t>(settings_.maxTrainings))
    return std::nullopt;
  if (trainings_.empty())
    return std::clamp(range_.start, range_.lower, range_.upper);
  std::optional<Bracket> found = bracket();
  if (!found)
    return extend();
  double left = logKl(*found->left), right = logKl(*found->right);
  if (std::abs(left - right) <= std::log(settings_.bracketRatio))
    return std::nullopt;
  // Where a straight line meets the target, but well inside, so that the bracket shrinks from both
  // ends.
  double share = std::clamp((std::log(settings_.targetKl) - left) / (right - left), 0.15, 0.85);
  return admit(std::lerp(logScale(*found->left), logScale(*found->right), share));
}

/// No bracket yet: where to look next. Usually KL falls as the scale grows; the results decide when
/// they say otherwise.
std::optional<double> ScoreSearch::extend() const {
  std::vector<const Training *> good;
  for (const Training &training : trainings_)
    if (usable(training.result))
      good.push_back(&training);
  if (good.empty()) { // alternate outwards from the start
    double out = kLongestStep / 1.5;
    return trainings_.size() % 2 ? admit(logScale(trainings_.front()) - out)
                                 : admit(logScale(trainings_.back()) + out);
  }
  // All lie on one side of the target. Go on from the end whose KL is nearer to it, or, where that
  // end of the range is used up, from the other.
  double target = std::log(settings_.targetKl);
  double first = std::abs(logKl(*good.front()) - target),
         last = std::abs(logKl(*good.back()) - target);
  bool up = good.size() > 1 ? last < first : logKl(*good.front()) > target;
  std::optional<double> scale = beyond(good, up);
  return scale ? scale : beyond(good, !up);
}

/// The next scale above or below all good trainings.
std::optional<double> ScoreSearch::beyond(const std::vector<const Training *> &good,
                                          bool up) const {
  const Training *edge = up ? good.back() : good.front();
  double outermost = logScale(up ? trainings_.back() : trainings_.front());
  if (outermost != logScale(*edge)) // a training beyond the edge failed: look between the two
    return admit((outermost + logScale(*edge)) / 2);
  double slope = -1; // d log KL / d log scale
  if (good.size() > 1) {
    const Training *inner = up ? good[good.size() - 2] : good[1];
    slope = (logKl(*edge) - logKl(*inner)) / (logScale(*edge) - logScale(*inner));
  }
  double missing = std::abs(logKl(*edge) - std::log(settings_.targetKl)) + kOvershoot;
  double step = std::clamp(missing / std::max(std::abs(slope), 1e-3), kShortestStep, kLongestStep);
  return admit(logScale(*edge) + (up ? step : -step));
}

Score ScoreSearch::score() const {
  Score score;
  if (std::optional<Bracket> found = bracket()) {
    const Training &left = *found->left, &right = *found->right;
    double width = logKl(right) - logKl(left);
    double share = width == 0 ? 0.5 : (std::log(settings_.targetKl) - logKl(left)) / width;
    score.ranked = true;
    score.reward = std::lerp(left.result.reward, right.result.reward, share);
    score.judge = std::lerp(left.result.judge, right.result.judge, share);
    score.scale = std::exp(std::lerp(logScale(left), logScale(right), share));
    score.klBelow = std::min(left.result.klPolicyReference, right.result.klPolicyReference);
    score.klAbove = std::max(left.result.klPolicyReference, right.result.klPolicyReference);
    return score;
  }
  double least = 0, most = 0;
  size_t good = 0;
  std::string failure;
  for (const Training &training : trainings_) {
    if (!usable(training.result)) {
      failure = training.result.reason;
      continue;
    }
    double kl = training.result.klPolicyReference;
    least = good ? std::min(least, kl) : kl;
    most = good ? std::max(most, kl) : kl;
    ++good;
  }
  if (good == 0)
    score.reason = "no training succeeded" + (failure.empty() ? "" : ": " + failure);
  else
    score.reason = "KL " + brief(least) + (good > 1 ? " to " + brief(most) : "") + " in " +
                   std::to_string(trainings_.size()) + " trainings never bracketed " +
                   brief(settings_.targetKl);
  return score;
}

bool outranks(const Fitness &a, const Fitness &b) {
  auto ranked = [](const Fitness &f) { return f.reward && std::isfinite(*f.reward); };
  if (ranked(a) != ranked(b))
    return ranked(a);
  if (ranked(a) && *a.reward != *b.reward)
    return *a.reward > *b.reward;
  return a.key < b.key;
}

} // namespace disco::search
