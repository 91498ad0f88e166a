// The walk over log scale, the interpolation, the order of candidates and the interval.
#include "trainer/search/Score.h"
#include "trainer/data/Random.h"
#include "trainer/search/Statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace disco::search {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

trainer::JobResult good(double kl, double reward) {
  trainer::JobResult result;
  result.status = trainer::JobResult::Status::Ok;
  result.klPolicyReference = kl;
  result.reward = result.judge = reward;
  return result;
}

/// Runs a search against a function from scale to result.
template <typename Train>
ScoreSearch searched(ScoreSettings settings, ScaleRange range, Train train) {
  ScoreSearch search(settings, range);
  while (std::optional<double> scale = search.next())
    search.add(*scale, train(*scale));
  return search;
}

TEST(Score, FindsTheTargetFromFarAway) {
  for (double start : {1e-3, 0.1, 10.0}) {
    ScoreSearch search = searched({0.1, 10, 1.5}, {start, 1e-4, 1e4}, [](double scale) {
      double kl = 0.02 / scale;
      return good(kl, 0.5 + 0.1 * std::log(kl / 0.02) /
                                std::log(5)); // linear in log KL: interpolation is exact
    });
    Score score = search.score();
    ASSERT_TRUE(score.ranked) << start << ": " << score.reason;
    EXPECT_NEAR(score.reward, 0.6, 1e-9);
    EXPECT_NEAR(score.scale, 0.2, 1e-3);
    EXPECT_LE(score.klAbove / score.klBelow, 1.5);
    EXPECT_LE(score.klBelow, 0.1);
    EXPECT_GE(score.klAbove, 0.1);
  }
}

TEST(Score, IsUnrankedWithAReasonWhenTheTargetIsNotReached) {
  ScoreSearch search = searched({0.5, 8, 2}, {0.1, 1e-3, 10},
                                [](double scale) { return good(0.01 / (1 + scale), 0.6); });
  EXPECT_FALSE(search.score().ranked);
  EXPECT_NE(search.score().reason.find("never bracketed 0.5"), std::string::npos)
      << search.score().reason;
}

TEST(Score, FindsTheTargetWhereKlRisesWithTheScale) {
  // As LRML's does where beta is small.
  for (double start : {1e-3, 0.05, 1.0}) {
    ScoreSearch search = searched({0.1, 10, 3}, {start, 1e-3, 10},
                                  [](double scale) { return good(0.5 * scale, 0.6); });
    EXPECT_TRUE(search.score().ranked) << start << ": " << search.score().reason;
  }
}

TEST(Score, TriesTheOtherEndWhereOneIsUsedUp) {
  // Below the target at the lower bound, where it starts, and above it far away only.
  ScoreSearch search = searched({0.1, 12, 3}, {1e-3, 1e-3, 10}, [](double scale) {
    return good(scale < 0.5 ? 0.05 - 0.01 * scale : 0.3, 0.6);
  });
  EXPECT_TRUE(search.score().ranked) << search.score().reason;
}

TEST(Score, NeverExtrapolates) {
  ScoreSearch search({0.1, 6, 2}, {0.1, 1e-4, 1e4});
  search.add(0.1, good(0.3, 0.9));
  search.add(0.2, good(0.11, 0.8));
  EXPECT_FALSE(search.score().ranked);
  search.add(0.4, good(0.05, 0.7));
  ASSERT_TRUE(search.score().ranked);
  EXPECT_GT(search.score().reward, 0.7);
  EXPECT_LT(search.score().reward, 0.8);
}

TEST(Score, StaysInTheRangeOfTheParameter) {
  ScaleRange range{0.1, 0.05, 0.3};
  searched({0.5, 8, 2}, range, [&](double scale) {
    EXPECT_GE(scale, range.lower);
    EXPECT_LE(scale, range.upper);
    return good(0.01, 0.6);
  });
}

TEST(Score, UsesAsManyTrainingsAsAllowed) {
  ScoreSearch search = searched({0.1, 3, 1.0001}, {1, 1e-4, 1e4},
                                [](double scale) { return good(0.02 / scale, 0.6); });
  EXPECT_EQ(search.trainings().size(), 3u);
}

TEST(Score, AFailedTrainingIsNoEndOfABracket) {
  ScoreSearch search({0.1, 6, 2}, {0.1, 1e-4, 1e4});
  search.add(0.1, good(0.3, 0.9));
  search.add(0.2, trainer::JobResult{});
  search.add(0.4, good(0.05, 0.7));
  EXPECT_FALSE(search.score().ranked);
}

TEST(Score, AllTrainingsFailedNamesTheFailure) {
  ScoreSearch search = searched({0.1, 4, 2}, {0.1, 1e-4, 1e4}, [](double) {
    trainer::JobResult failed;
    failed.status = trainer::JobResult::Status::NonFinite;
    failed.reason = "loss is not finite at step 3";
    return failed;
  });
  EXPECT_EQ(search.trainings().size(), 4u);
  EXPECT_EQ(search.score().reason, "no training succeeded: loss is not finite at step 3");
}

TEST(Score, NumbersThatAreNoneDoNotRank) {
  for (double bad : {kNan, kInfinity, -kInfinity, -0.5, 1e30})
    for (int field = 0; field < 3; ++field) {
      trainer::JobResult result = good(0.1, 0.9);
      (field == 0 ? result.reward : field == 1 ? result.judge : result.klPolicyReference) = bad;
      if (field == 2 && bad == 1e30)
        continue; // a KL may be large
      EXPECT_FALSE(usable(result)) << field << " " << bad;
    }
}

TEST(Fitness, OrderIsTotalAndFailuresComeLast) {
  data::Random random(1, "fitness");
  std::vector<std::optional<double>> pool{std::nullopt, kNan,   kInfinity, -kInfinity, 0.0,
                                          -0.0,         1e-300, 0.5,       1e300};
  auto draw = [&] {
    std::optional<double> reward =
        random.below(2) ? pool[random.below(pool.size())] : std::optional(random.uniform());
    return Fitness{reward, std::string(1, static_cast<char>('a' + random.below(4)))};
  };
  auto finite = [](const Fitness &f) { return f.reward && std::isfinite(*f.reward); };
  for (int i = 0; i < 200000; ++i) {
    Fitness a = draw(), b = draw(), c = draw();
    EXPECT_FALSE(outranks(a, a));
    EXPECT_FALSE(outranks(a, b) && outranks(b, a));
    if (finite(a) && !finite(b)) {
      EXPECT_TRUE(outranks(a, b));
    }
    if (outranks(a, b) && outranks(b, c)) {
      EXPECT_TRUE(outranks(a, c));
    }
    bool same = !outranks(a, b) && !outranks(b, a);
    if (same && finite(a)) {
      EXPECT_EQ(*a.reward, *b.reward);
    }
  }
}

TEST(Statistics, IntervalOfThreeIsStudents) {
  // mean 2, sd 1, t(0.975, 2) = 4.303: half width 4.303 / sqrt(3) = 2.4843.
  double samples[] = {1, 2, 3};
  MeanInterval interval = meanInterval(samples);
  EXPECT_DOUBLE_EQ(interval.mean, 2);
  EXPECT_DOUBLE_EQ(interval.deviation, 1);
  EXPECT_NEAR(interval.upper - 2, 2.4843, 1e-4);
  EXPECT_NEAR(2 - interval.lower, 2.4843, 1e-4);
}

TEST(Statistics, OneSampleHasNoInterval) {
  double samples[] = {5};
  EXPECT_EQ(meanInterval(samples).lower, -kInfinity);
}

} // namespace
} // namespace disco::search
