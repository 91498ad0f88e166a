// See Leaderboard.h.
#include "trainer/search/Leaderboard.h"

#include "trainer/search/Text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

namespace disco::search {
namespace {

template <typename... Values> std::string format(const char *pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

void summarise(Standing &standing) {
  std::vector<double> judges, rewards;
  double logScale = 0;
  for (const auto &[seed, score] : standing.seeds) {
    if (!score.ranked) {
      standing.reason = score.reason;
      return;
    }
    judges.push_back(score.judge);
    rewards.push_back(score.reward);
    logScale += std::log(score.scale) / static_cast<double>(standing.seeds.size());
  }
  standing.ranked = true;
  standing.judge = meanInterval(judges);
  standing.reward = meanInterval(rewards);
  standing.scale = std::exp(logScale);
}

void addComparisons(Leaderboard &board) {
  const Standing *best = nullptr, *lrml = nullptr;
  for (const Standing &standing : board.standings) {
    if (!standing.ranked)
      continue;
    if (standing.baseline && !best)
      best = &standing;
    if (standing.baseline && standing.candidate.label == "lrml")
      lrml = &standing;
  }
  const Standing *champion = board.champion();
  if (champion && best)
    board.comparisons.push_back(compare(*champion, *best));
  if (champion && lrml && lrml != best)
    board.comparisons.push_back(compare(*champion, *lrml));
}

} // namespace

const Standing *Leaderboard::champion() const {
  for (const Standing &standing : standings)
    if (standing.ranked && !standing.baseline)
      return &standing;
  return nullptr;
}

bool Leaderboard::championWins() const {
  return !comparisons.empty() &&
         std::all_of(comparisons.begin(), comparisons.end(),
                     [](const Comparison &c) { return c.difference.lower > 0; });
}

Comparison compare(const Standing &candidate, const Standing &baseline) {
  std::vector<double> differences;
  for (size_t i = 0; i < candidate.seeds.size() && i < baseline.seeds.size(); ++i)
    differences.push_back(candidate.seeds[i].second.judge - baseline.seeds[i].second.judge);
  return {baseline.candidate.label, meanInterval(differences)};
}

Result<Leaderboard> leaderboard(const Archive &archive) {
  Result<std::vector<Candidate>> candidates = archive.candidates();
  Result<std::vector<ScoreRow>> scores = archive.scores();
  if (!candidates || !scores)
    return candidates ? scores.error() : candidates.error();
  std::map<int64_t, Standing> standings;
  for (const ScoreRow &row : *scores)
    if (row.stage == Stage::Final)
      standings[row.candidate].seeds.emplace_back(row.seed, row.score);
  Leaderboard board;
  for (const Candidate &candidate : *candidates) {
    auto found = standings.find(candidate.id);
    if (found == standings.end())
      continue;
    Standing &standing = found->second;
    standing.candidate = candidate;
    standing.baseline = candidate.proposer == "baseline";
    summarise(standing);
    board.standings.push_back(std::move(standing));
  }
  std::stable_sort(
      board.standings.begin(), board.standings.end(), [](const Standing &a, const Standing &b) {
        auto fitness = [](const Standing &s) {
          return Fitness{s.ranked ? std::optional(s.judge.mean) : std::nullopt, s.candidate.hash};
        };
        return outranks(fitness(a), fitness(b));
      });
  addComparisons(board);
  return board;
}

std::string printLeaderboard(const Leaderboard &board, double targetKl) {
  std::string text =
      format("Final scores at KL %.4g nats per token: mean over seeds, 95 %% interval\n", targetKl);
  text += format("%4s  %-24s %-10s %-24s %-8s %s\n", "rank", "objective", "from", "judge", "reward",
                 "scale");
  int rank = 0;
  for (const Standing &standing : board.standings) {
    std::string label = oneLine(standing.candidate.label, 24),
                from = oneLine(standing.candidate.proposer, 10);
    if (!standing.ranked) {
      text += format("%4s  %-24s %-10s ", "-", label.c_str(), from.c_str()) +
              oneLine(standing.reason, 100) + "\n";
      continue;
    }
    std::string judge = format("%.4f", standing.judge.mean);
    if (std::isfinite(standing.judge.lower))
      judge += format(" [%.4f, %.4f]", standing.judge.lower, standing.judge.upper);
    text += format("%4d  %-24s %-10s %-24s %-8.4f %.4g\n", ++rank, label.c_str(), from.c_str(),
                   judge.c_str(), standing.reward.mean, standing.scale);
  }
  if (!board.champion())
    return text + "No candidate of this search reached the target in every final training.\n";
  for (const Comparison &comparison : board.comparisons) {
    text +=
        format("%s against %s: judge %+.4f", oneLine(board.champion()->candidate.label, 24).c_str(),
               oneLine(comparison.label, 24).c_str(), comparison.difference.mean);
    if (std::isfinite(comparison.difference.lower))
      text += format(", 95 %% interval [%+.4f, %+.4f], paired by seed", comparison.difference.lower,
                     comparison.difference.upper);
    text += "\n";
  }
  return text + (board.championWins()
                     ? "It is better than the baselines beyond the spread of the seeds.\n"
                     : "Nothing is better than the baselines beyond the spread of the seeds.\n");
}

std::string leaderboardCsv(const Leaderboard &board) {
  std::string text =
      "id,objective,proposer,seed,ranked,judge,reward,scale,kl_below,kl_above,reason\n";
  for (const Standing &standing : board.standings)
    for (const auto &[seed, score] : standing.seeds) {
      text += std::to_string(standing.candidate.id) + "," + escapeCsv(standing.candidate.label) +
              "," + escapeCsv(standing.candidate.proposer) + "," + std::to_string(seed) + "," +
              (score.ranked ? "1," : "0,");
      if (score.ranked)
        text += format("%.6f,%.6f,%.6g,%.6g,%.6g,", score.judge, score.reward, score.scale,
                       score.klBelow, score.klAbove);
      else
        text += ",,,,,";
      text += escapeCsv(score.reason) + "\n";
    }
  return text;
}

} // namespace disco::search
