// The score of an objective: reward at a set KL. Objectives differ in how far they let the policy
// drift, and further drift buys reward, so rewards are compared at one KL(policy || reference). The
// search walks log scale (of `beta`, or of the margin) until two neighbouring trainings lie on both
// sides of the target, and interpolates between those two only.
#pragma once

#include "trainer/Job.h"

#include <optional>
#include <string>
#include <vector>

namespace disco::search {

/// Which number is walked, and how far it may go.
struct ScaleRange {
  double start = 1;
  double lower = 1e-4, upper = 1e4; // inclusive
};

struct ScoreSettings {
  double targetKl = 0.1; // nats per token
  int maxTrainings = 6;
  /// Bisection goes on, within maxTrainings, until the larger KL of the bracket is at most this
  /// multiple of the smaller.
  double bracketRatio = 2;
};

struct Training {
  double scale = 0;
  trainer::JobResult result;
};

/// What a candidate is worth. Only a ranked score has meaningful numbers.
struct Score {
  bool ranked = false;
  std::string reason; // why it is unranked; one line
  /// At the target, linear in log KL between the bracketing trainings.
  double reward = 0, judge = 0, scale = 0;
  double klBelow = 0, klAbove = 0; // the bracket
};

/// Decides one training at a time, from the results so far alone: who runs them, and how many at
/// once over all candidates, makes no difference.
class ScoreSearch {
public:
  ScoreSearch(ScoreSettings settings, ScaleRange range) : settings_(settings), range_(range) {}

  /// The scale to train next; empty when the search has ended.
  std::optional<double> next() const;
  void add(double scale, const trainer::JobResult &result);
  const std::vector<Training> &trainings() const { return trainings_; } // by scale
  Score score() const;

private:
  struct Bracket {
    const Training *left, *right;
  };
  std::optional<Bracket> bracket() const;
  std::optional<double> extend() const;
  std::optional<double> beyond(const std::vector<const Training *> &good, bool up) const;
  std::optional<double> admit(double logScale) const;

  ScoreSettings settings_;
  ScaleRange range_;
  std::vector<Training> trainings_;
};

/// Whether a result has numbers at all: status Ok, everything finite, rewards in [0, 1].
bool usable(const trainer::JobResult &result);

/// Order of candidates: true when `a` ranks before `b`. A total order: ranked finite rewards first,
/// highest first, equal ones by key; whatever has no finite reward comes after every one that has.
struct Fitness {
  std::optional<double> reward;
  std::string key; // hash
};
bool outranks(const Fitness &a, const Fitness &b);

} // namespace disco::search
