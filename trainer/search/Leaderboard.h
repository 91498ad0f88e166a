// The outcome of a run: the finalists and baselines by their final scores, and how sure that order
// is.
#pragma once

#include "trainer/search/Archive.h"
#include "trainer/search/Statistics.h"

namespace disco::search {

/// One line: a candidate of the final stage. The judge decides, because the reward is what the
/// search has optimised.
struct Standing {
  Candidate candidate;
  bool baseline = false;
  std::vector<std::pair<uint64_t, Score>> seeds; // in the same order for all standings
  bool ranked = false;                           // every seed met the target
  std::string reason;                            // of the first seed that did not
  MeanInterval judge, reward;
  double scale = 0; // geometric mean
};

/// A difference of judge scores, paired by seed: mean -+ t(0.975, n - 1) * sd / sqrt(n) of the
/// differences.
struct Comparison {
  std::string label; // of the baseline
  MeanInterval difference;
};

struct Leaderboard {
  std::vector<Standing> standings; // ranked ones first, by mean judge score
  /// Of the champion against the best baseline and against LRML, as far as they are ranked. The
  /// best baseline is chosen by the scores it is compared by, which favours it.
  std::vector<Comparison> comparisons;
  /// The best ranked candidate that is no baseline, or null.
  const Standing *champion() const;
  /// Whether the interval against every baseline it is compared with lies above 0.
  bool championWins() const;
};

Result<Leaderboard> leaderboard(const Archive &archive);
/// The comparison of two ranked standings.
Comparison compare(const Standing &candidate, const Standing &baseline);

/// For a terminal.
std::string printLeaderboard(const Leaderboard &board, double targetKl);
/// One row per candidate and seed, with a header.
std::string leaderboardCsv(const Leaderboard &board);

} // namespace disco::search
