// See Report.h. No script and no address in the page, and a policy that forbids both: all that a
// model could smuggle into it is text, and every text is escaped.
#include "trainer/search/Report.h"

#include "dsl/Dsl.h"
#include "trainer/data/AtomicFile.h"
#include "trainer/search/Curves.h"
#include "trainer/search/Fingerprint.h"
#include "trainer/search/Funnel.h"
#include "trainer/search/Leaderboard.h"
#include "trainer/search/Plot.h"
#include "trainer/search/Text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>

namespace disco::search {
namespace {

constexpr const char *kStyle = R"css(
:root { color-scheme: light dark; --ink: #1c2430; --soft: #55606b; --line: #dde2e7; --card: #ffffff; --page: #f5f7f9; --own: #e8f3fa }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8edf2; --soft: #a9b4bf; --line: #2b343d; --card: #181f26; --page: #12171c; --own: #17303f }
}
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 1080px; margin: 0 auto; padding: 24px 20px 60px }
h1 { font-size: 26px; margin: 8px 0 } h2 { font-size: 19px; margin: 36px 0 10px } h3 { font-size: 16px; margin: 0 0 8px }
p { margin: 8px 0 } .soft { color: var(--soft) }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 16px; margin: 12px 0; overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600; color: var(--soft); white-space: nowrap } tr:last-child td { border-bottom: 0 }
td.n, th.n { text-align: right } tr.own td { background: var(--own) }
pre { background: var(--page); border: 1px solid var(--line); border-radius: 6px; padding: 10px 12px; overflow-x: auto;
  font: 13px/1.45 ui-monospace, monospace; margin: 8px 0 }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 12px }
.facts { display: flex; flex-wrap: wrap; gap: 10px 28px; margin: 14px 0 } .facts b { display: block; font-size: 20px }
.verdict { font-size: 17px; border-left: 4px solid #0b6fa4; padding-left: 12px }
)css";

template <typename... Values> std::string format(const char *pattern, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, pattern, values...);
  return text;
}

std::string interval(const MeanInterval &mean, const char *pattern = "%.4f") {
  std::string text = format(pattern, mean.mean);
  if (std::isfinite(mean.lower))
    text += " <span class=\"soft\">[" + format(pattern, mean.lower) + ", " +
            format(pattern, mean.upper) + "]</span>";
  return text;
}

/// Everything the page shows, read once.
struct Run {
  std::string task;
  double targetKl = 0;
  std::vector<Candidate> candidates;
  std::vector<ScoreRow> scores;
  std::map<std::string, trainer::JobResult> results; // by job key
  Leaderboard board;

  const Candidate &candidate(int64_t id) const {
    return candidates.at(static_cast<size_t>(id) - 1);
  }
  const Score *shortScore(int64_t id) const {
    for (const ScoreRow &row : scores)
      if (row.candidate == id && row.stage == Stage::Short)
        return &row.score;
    return nullptr;
  }
};

Result<Run> readRun(const std::string &folder) {
  Result<Archive> archive = Archive::read(folder);
  if (!archive)
    return archive.error();
  Result<std::string> task = archive->setting("task"), target = archive->setting("target_kl");
  Result<std::vector<Candidate>> candidates = archive->candidates();
  Result<std::vector<ScoreRow>> scores = archive->scores();
  Result<Leaderboard> board = leaderboard(*archive);
  for (const Error *problem :
       {task ? nullptr : &task.error(), target ? nullptr : &target.error(),
        candidates ? nullptr : &candidates.error(), scores ? nullptr : &scores.error(),
        board ? nullptr : &board.error()})
    if (problem)
      return *problem;
  Run run{*task, std::atof(target->c_str()), std::move(*candidates), std::move(*scores),
          {},    std::move(*board)};
  for (const ScoreRow &row : run.scores)
    for (const auto &[scale, key] : row.trainings) {
      Result<std::optional<trainer::JobResult>> result = archive->result(key);
      if (!result)
        return result.error();
      if (*result)
        run.results[key] = **result;
    }
  return run;
}

std::string verdictSentence(const Run &run) {
  const Leaderboard &board = run.board;
  if (board.standings.empty())
    return "The search is not complete yet: there are no final scores.";
  if (!board.champion())
    return "No candidate of this search reached the target KL in every final training.";
  std::string text = escapeHtml(board.champion()->candidate.label) + " is the best of this search.";
  for (const Comparison &comparison : board.comparisons)
    text += " Against " + escapeHtml(comparison.label) + " the judge differs by " +
            interval(comparison.difference, "%+.4f") + ".";
  return text + (board.championWins()
                     ? " It is better beyond the spread of the seeds."
                     : " Nothing is better than the baselines beyond the spread of the seeds.");
}

std::string facts(const Run &run) {
  size_t accepted = std::count_if(run.candidates.begin(), run.candidates.end(),
                                  [](const Candidate &c) { return c.verdict == "accepted"; });
  auto fact = [](const std::string &value, const char *what) {
    return "<div><b>" + value + "</b>" + what + "</div>";
  };
  return "<div class=\"facts\">" + fact(escapeHtml(run.task), "task") +
         fact(format("%.4g", run.targetKl), "target KL, nats per token") +
         fact(std::to_string(run.candidates.size()), "attempts") +
         fact(std::to_string(accepted), "reached training") +
         fact(std::to_string(run.results.size()), "trainings") + "</div>";
}

std::string leaderboardTable(const Run &run) {
  if (run.board.standings.empty())
    return "<p>No final scores yet.</p>";
  const Standing *bestBaseline = nullptr;
  for (const Standing &standing : run.board.standings)
    if (standing.baseline && standing.ranked && !bestBaseline)
      bestBaseline = &standing;
  std::string table =
      "<table><tr><th class=\"n\">rank</th><th>objective</th><th>from</th><th>judge, mean "
      "[95&nbsp;%]</th><th>by seed</th>"
      "<th>minus best baseline</th><th class=\"n\">reward</th><th class=\"n\">scale</th></tr>";
  int rank = 0;
  for (const Standing &standing : run.board.standings) {
    table += std::string("<tr") + (standing.baseline ? "" : " class=\"own\"") +
             "><td class=\"n\">" + (standing.ranked ? std::to_string(++rank) : "&ndash;") +
             "</td><td>" + escapeHtml(standing.candidate.label) + "</td><td>" +
             escapeHtml(standing.candidate.proposer) + "</td>";
    if (!standing.ranked) {
      table += "<td colspan=\"5\">unranked: " + escapeHtml(standing.reason) + "</td></tr>";
      continue;
    }
    std::string seeds;
    for (const auto &[seed, score] : standing.seeds)
      seeds += format("%.3f ", score.judge);
    std::string difference = !bestBaseline || bestBaseline == &standing
                                 ? "&ndash;"
                                 : interval(compare(standing, *bestBaseline).difference, "%+.4f");
    table += "<td>" + interval(standing.judge) + "</td><td class=\"soft\">" + seeds + "</td><td>" +
             difference + "</td><td class=\"n\">" + format("%.4f", standing.reward.mean) +
             "</td><td class=\"n\">" + format("%.4g", standing.scale) + "</td></tr>";
  }
  return table + "</table><p class=\"soft\">Judge and reward are read at the target KL between the "
                 "two trainings that bracket it. Intervals: "
                 "mean &#8723; t(0.975, n&minus;1) &middot; sd / &radic;n over the seeds; "
                 "differences are paired by seed. The best baseline "
                 "is chosen by the same scores, which favours it.</p>";
}

/// Judge against KL of every final training, a series per objective; lines join the trainings of
/// one seed.
std::vector<Series> rewardAgainstKl(const Run &run) {
  constexpr double kBreak = std::numeric_limits<double>::quiet_NaN();
  std::vector<Series> series;
  for (const Standing &standing : run.board.standings) {
    Series one;
    one.label = standing.candidate.label;
    one.colour = static_cast<int>(series.size());
    one.dots = true;
    one.dashed = standing.baseline;
    for (const ScoreRow &row : run.scores) {
      if (row.candidate != standing.candidate.id || row.stage != Stage::Final)
        continue;
      std::vector<std::pair<double, double>> points;
      for (const auto &[scale, key] : row.trainings)
        if (auto found = run.results.find(key); found != run.results.end() && usable(found->second))
          points.emplace_back(found->second.klPolicyReference, found->second.judge);
      std::sort(points.begin(), points.end());
      one.points.insert(one.points.end(), points.begin(), points.end());
      one.points.emplace_back(kBreak, kBreak);
    }
    series.push_back(std::move(one));
  }
  return series;
}

PlotOptions rewardPlot(const Run &run) {
  PlotOptions options;
  options.title = "Judge against KL, final trainings, all seeds";
  options.x = "KL(policy || reference), nats per token";
  options.y = "second judge, final prompts";
  options.width = 860;
  options.height = 420;
  options.logX = true;
  options.verticalMark = run.targetKl;
  options.hasMark = run.targetKl > 0;
  return options;
}

std::string parentsOf(const Run &run, const Candidate &candidate) {
  if (candidate.parents.empty())
    return candidate.proposer == "baseline" || candidate.proposer == "seed" ? "published"
                                                                            : "made from nothing";
  std::string text;
  std::set<int64_t> seen;
  for (int64_t id : candidate.parents)
    if (seen.insert(id).second)
      text += (text.empty() ? "" : " &times; ") + escapeHtml(run.candidate(id).label);
  return text;
}

/// The candidate and its ancestors, youngest first.
std::string lineage(const Run &run, const Candidate &candidate) {
  constexpr size_t kMost = 12;
  std::vector<int64_t> queue{candidate.id};
  std::set<int64_t> seen(queue.begin(), queue.end());
  std::string rows;
  for (size_t i = 0; i < queue.size() && i < kMost; ++i) {
    const Candidate &at = run.candidate(queue[i]);
    const Score *score = run.shortScore(at.id);
    rows += "<tr><td>" + escapeHtml(at.label) + "</td><td>" + parentsOf(run, at) +
            "</td><td class=\"n\">" +
            (score && score->ranked ? format("%.4f", score->reward) : "&ndash;") + "</td></tr>";
    for (int64_t parent : at.parents)
      if (seen.insert(parent).second)
        queue.push_back(parent);
  }
  return "<table><tr><th>candidate</th><th>made from</th><th class=\"n\">short-stage "
         "reward</th></tr>" +
         rows + "</table>";
}

/// Which earlier candidate, if any, it behaves like on all points looked at.
std::string lookalike(const Run &run, const Candidate &candidate, const dsl::Program &program) {
  Lookalikes known;
  for (const Candidate &earlier : run.candidates) {
    if (earlier.id >= candidate.id)
      break;
    Diagnostics diagnostics;
    if (earlier.verdict != verdictName(Verdict::Accepted) || earlier.hash == candidate.hash)
      continue;
    if (auto other = dsl::compileSource(Source("<archive>", earlier.text), diagnostics))
      known.add(earlier.label, std::move(*other));
  }
  const std::optional<std::string> name = known.of(program);
  return name ? "<p class=\"soft\">Looks like " + escapeHtml(*name) +
                    ": same losses and gradients at every point tried.</p>"
              : "";
}

std::string finalistCard(const Run &run, const Standing &standing) {
  const Candidate &candidate = standing.candidate;
  std::string card = "<div class=\"card\"><h3>" + escapeHtml(candidate.label) +
                     " <span class=\"soft\">candidate " + std::to_string(candidate.id) +
                     ", generation " + std::to_string(candidate.generation) + "</span></h3><pre>" +
                     escapeHtml(candidate.text) + "</pre>";
  Diagnostics diagnostics;
  std::optional<dsl::Program> program =
      dsl::compileSource(Source("<archive>", candidate.text), diagnostics);
  if (program)
    card += lookalike(run, candidate, *program);
  const Score *score = run.shortScore(candidate.id);
  double scale = standing.ranked ? standing.scale : score && score->ranked ? score->scale : 0;
  if (program && scale > 0) {
    constexpr double kReach = 5;
    Series loss, slope;
    for (const CurvePoint &point : marginCurve(*program, scale, kReach)) {
      loss.points.emplace_back(point.z, point.loss);
      slope.points.emplace_back(point.z, point.slope);
    }
    PlotOptions options;
    options.legend = false;
    options.hasMark = true;
    options.x = "scale times margin";
    options.title = "Loss, less the loss at 0";
    options.y = "loss";
    std::string left = plotSvg({loss}, options);
    options.title = "Slope";
    options.y = "d loss / d (scale times margin)";
    slope.colour = 1;
    card += "<div class=\"pair\">" + left + plotSvg({slope}, options) + "</div>";
  }
  if (!standing.baseline)
    card += lineage(run, candidate);
  return card + "</div>";
}

std::string funnelTable(const Run &run) {
  const char *verdicts[] = {"accepted",  "no_answer",  "invalid",     "no_column",
                            "duplicate", "non_finite", "no_gradient", "no_scale"};
  const char *meanings[] = {"reached training",
                            "the proposer gave no objective",
                            "did not parse or check",
                            "reads a column without default",
                            "the same loss as an earlier candidate",
                            "a probe gave a non-finite loss or gradient",
                            "no gradient where policy and reference agree",
                            "neither a beta nor a margin to scale"};
  std::map<std::string, size_t> counts;
  std::map<std::string, size_t> reasons;
  for (const Candidate &candidate : run.candidates) {
    ++counts[candidate.verdict];
    if (candidate.verdict == "invalid")
      ++reasons[candidate.diagnostics.substr(0, candidate.diagnostics.find(' '))];
  }
  size_t ranked = 0, unranked = 0;
  for (const ScoreRow &row : run.scores)
    if (row.stage == Stage::Short)
      ++(row.score.ranked ? ranked : unranked);
  std::string table =
      "<table><tr><th>outcome</th><th class=\"n\">attempts</th><th>meaning</th></tr>";
  for (size_t i = 0; i < std::size(verdicts); ++i)
    table += std::string("<tr><td>") + verdicts[i] + "</td><td class=\"n\">" +
             std::to_string(counts[verdicts[i]]) + "</td><td>" + meanings[i] + "</td></tr>";
  for (const auto &[id, count] : reasons)
    table += "<tr><td class=\"soft\">&ndash; " + escapeHtml(id) + "</td><td class=\"n soft\">" +
             std::to_string(count) + "</td><td></td></tr>";
  return table + "<tr><td>ranked</td><td class=\"n\">" + std::to_string(ranked) +
         "</td><td>short trainings bracketed the target KL</td></tr><tr><td>unranked</td><td "
         "class=\"n\">" +
         std::to_string(unranked) + "</td><td>they did not, or failed</td></tr></table>";
}

std::string shortTable(const Run &run) {
  constexpr size_t kMost = 30;
  std::vector<const ScoreRow *> rows;
  for (const ScoreRow &row : run.scores)
    if (row.stage == Stage::Short)
      rows.push_back(&row);
  auto fitness = [&](const ScoreRow *row) {
    return Fitness{row->score.ranked ? std::optional(row->score.reward) : std::nullopt,
                   run.candidate(row->candidate).hash};
  };
  std::sort(rows.begin(), rows.end(),
            [&](auto *a, auto *b) { return outranks(fitness(a), fitness(b)); });
  std::string table = "<table><tr><th class=\"n\">id</th><th>objective</th><th>from</th><th>made "
                      "from</th><th class=\"n\">trainings</th>"
                      "<th class=\"n\">reward</th><th>or why not</th></tr>";
  for (size_t i = 0; i < rows.size() && i < kMost; ++i) {
    const Candidate &candidate = run.candidate(rows[i]->candidate);
    const Score &score = rows[i]->score;
    table += "<tr><td class=\"n\">" + std::to_string(candidate.id) + "</td><td>" +
             escapeHtml(candidate.label) + "</td><td>" + escapeHtml(candidate.proposer) +
             "</td><td>" + parentsOf(run, candidate) + "</td><td class=\"n\">" +
             std::to_string(rows[i]->trainings.size()) + "</td><td class=\"n\">" +
             (score.ranked ? format("%.4f", score.reward) : "&ndash;") +
             "</td><td class=\"soft\">" + escapeHtml(score.reason) + "</td></tr>";
  }
  return table + "</table>" +
         (rows.size() > kMost ? "<p class=\"soft\">The best " + std::to_string(kMost) + " of " +
                                    std::to_string(rows.size()) + ".</p>"
                              : "");
}

std::string page(const Run &run) {
  std::string html = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                     "name=\"viewport\" content=\"width=device-width\">"
                     "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
                     "style-src 'unsafe-inline'\">"
                     "<title>Disco search report</title><style>" +
                     std::string(kStyle) + plotStyle() +
                     "</style></head><body><main><h1>Search for preference objectives</h1>";
  html += facts(run) + "<p class=\"verdict\">" + verdictSentence(run) + "</p>";
  html += "<h2>Leaderboard</h2><div class=\"card\">" + leaderboardTable(run) + "</div>";
  if (!run.board.standings.empty()) {
    html += "<h2>Reward against KL</h2><div class=\"card\">" +
            plotSvg(rewardAgainstKl(run), rewardPlot(run)) +
            "<p class=\"soft\">Baselines are dashed; the vertical line is the "
            "target.</p></div><h2>Finalists</h2>";
    for (const Standing &standing : run.board.standings)
      if (!standing.baseline)
        html += finalistCard(run, standing);
    html += "<h2>Baselines</h2>";
    for (const Standing &standing : run.board.standings)
      if (standing.baseline)
        html += finalistCard(run, standing);
  }
  html += "<h2>Funnel</h2><div class=\"card\">" + funnelTable(run) + "</div>";
  html += "<h2>Short stage</h2><div class=\"card\">" + shortTable(run) + "</div>";
  return html + "</main></body></html>\n";
}

} // namespace

Result<ReportFiles> makeReport(const std::string &folder) {
  Result<Run> run = readRun(folder);
  if (!run)
    return run.error();
  return ReportFiles{page(*run), leaderboardCsv(run->board),
                     plotFile(rewardAgainstKl(*run), rewardPlot(*run))};
}

Result<std::vector<std::string>> writeReport(const std::string &folder) {
  Result<ReportFiles> files = makeReport(folder);
  if (!files)
    return files.error();
  std::vector<std::string> paths;
  for (const auto &[name, content] :
       {std::pair<const char *, const std::string *>{"report.html", &files->html},
        {"leaderboard.csv", &files->csv},
        {"figure.svg", &files->figure}}) {
    paths.push_back(folder + "/" + name);
    if (Result<void> written = data::writeFileAtomically(paths.back(), *content); !written)
      return written.error();
  }
  return paths;
}

} // namespace disco::search
