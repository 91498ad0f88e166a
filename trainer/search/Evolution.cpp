// See Evolution.h.
#include "trainer/search/Evolution.h"

#include "dsl/Dsl.h"
#include "trainer/data/Random.h"
#include "trainer/search/Text.h"

#include <algorithm>
#include <set>

namespace disco::search {
namespace {

/// Seeds stay exact in JSON, SQLite and a reader's spreadsheet.
uint64_t trainingSeed(uint64_t run, std::string_view stream, uint64_t index) {
  return data::Random(run, stream, index).next64() >> 11;
}

/// All short trainings share one seed, so candidates are compared on the same data order and
/// samples.
uint64_t shortSeed(uint64_t run) { return trainingSeed(run, "short training", 0); }

bool published(const Candidate &row) {
  return row.proposer == "baseline" || row.proposer == "seed";
}

std::string joined(const std::vector<std::string> &words) {
  std::string text;
  for (const std::string &word : words)
    text += (text.empty() ? "" : " ") + word;
  return text;
}

} // namespace

Evolution::Evolution(EvolveConfig config, Parts parts)
    : config_(std::move(config)), parts_(std::move(parts)),
      evaluator_(parts_.archive, parts_.runner, parts_.taskHash, parts_.stop) {}

Result<bool> Evolution::run() {
  if (Result<void> loaded = load(); !loaded)
    return loaded.error();
  if (Result<void> added = addPublished(); !added)
    return added.error();
  for (int generation = 0; generation <= config_.generations; ++generation) {
    if (generation > 0)
      if (Result<bool> filled = fillGeneration(generation); !filled || !*filled)
        return filled;
    if (Result<bool> scored = scoreGeneration(generation); !scored || !*scored)
      return scored;
  }
  return scoreFinalists();
}

/// Continues from the archive: what was accepted is known to the funnel, what was scored has its
/// score.
Result<void> Evolution::load() {
  Result<std::vector<Candidate>> rows = parts_.archive.candidates();
  Result<std::vector<ScoreRow>> scores = parts_.archive.scores();
  if (!rows || !scores)
    return rows ? scores.error() : rows.error();
  for (Candidate &row : *rows) {
    Member member{std::move(row), {}, {}};
    if (member.row.verdict == verdictName(Verdict::Accepted)) {
      Diagnostics diagnostics;
      member.program = dsl::compileSource(Source("<archive>", member.row.text), diagnostics);
      if (!member.program)
        return Error{"candidate " + std::to_string(member.row.id) +
                     " of the archive no longer checks; the run was made by " +
                     "another version of disco"};
      funnel_.remember(member.row.hash);
    }
    members_.push_back(std::move(member));
  }
  for (const ScoreRow &row : *scores)
    if (row.stage == Stage::Short)
      for (Member &member : members_)
        if (member.row.id == row.candidate)
          member.score = row.score;
  return {};
}

Result<void> Evolution::addPublished() {
  std::vector<std::pair<std::string, std::string>> names;
  for (const std::string &name : config_.baselines)
    names.emplace_back("baseline", name);
  for (const std::string &name : config_.seeds)
    names.emplace_back("seed", name);
  for (size_t slot = members_.size(); slot < names.size(); ++slot) {
    const auto &[proposer, name] = names[slot];
    std::string path = config_.objectives + "/" + name + ".dpo";
    Result<Source> source = dsl::readSource(path);
    if (!source)
      return source.error();
    Screened screened = funnel_.screen(source->text());
    if (screened.verdict != Verdict::Accepted)
      return Error{path + ": a " + proposer + " must pass the funnel: " + screened.reason};
    Candidate row;
    row.slot = static_cast<int>(slot);
    row.proposer = proposer;
    row.label = name;
    if (Result<void> recorded = record(std::move(row), screened); !recorded)
      return recorded;
  }
  return {};
}

Result<void> Evolution::record(Candidate row, const Screened &screened) {
  row.id = static_cast<int64_t>(members_.size()) + 1;
  row.verdict = verdictName(screened.verdict);
  row.reason = screened.reason;
  row.diagnostics = joined(screened.diagnosticIds);
  row.repairs = joined(screened.repairs);
  row.text = screened.text;
  row.hash = screened.hash;
  row.codeHash = screened.codeHash;
  if (Result<void> added = parts_.archive.addCandidate(row); !added)
    return added;
  bool accepted = screened.verdict == Verdict::Accepted;
  members_.push_back({std::move(row), accepted ? screened.program : std::nullopt, {}});
  return {};
}

Result<bool> Evolution::fillGeneration(int generation) {
  std::vector<Individual> best = population();
  if (best.empty())
    return Error{"no published objective could be scored, so there is nothing to build on: " +
                 ranking().front()->score->reason};
  std::vector<std::string> diagnostics = diagnosticsBefore(generation);
  for (int slot = 0; slot < config_.offspring; ++slot)
    if (Result<bool> filled = fillSlot(generation, slot, best, diagnostics); !filled || !*filled)
      return filled;
  return true;
}

/// Proposes until one passes the funnel or the attempts are used up. False when a stop was
/// requested.
Result<bool> Evolution::fillSlot(int generation, int slot, std::span<const Individual> population,
                                 std::span<const std::string> diagnostics) {
  int attempt = 0;
  for (const Member &member : members_) {
    if (member.row.generation != generation || member.row.slot != slot)
      continue;
    if (member.program)
      return true;
    ++attempt;
  }
  std::vector<double> shares;
  for (const ProposerShare &share : config_.proposers)
    shares.push_back(share.share);
  data::Random random(config_.seed, "proposer", uint64_t(generation) << 32 | uint64_t(slot));
  Proposer &proposer = *parts_.proposers.at(
      config_.proposers[random.categorical(std::span<const double>(shares))].name);
  for (int attempts = std::min(config_.attempts, proposer.attemptsOfSlot()); attempt < attempts;
       ++attempt) {
    if (parts_.stop)
      return false;
    ProposalRequest request{config_.seed, generation, slot, attempt, config_.short_score.targetKl,
                            population,   diagnostics};
    Result<Proposal> proposal = proposer.propose(request);
    if (!proposal)
      return proposal.error();
    Screened screened;
    if (proposal->text.empty()) {
      screened.verdict = Verdict::NoAnswer;
      screened.reason = oneLine(proposal->problem, 400);
    } else {
      screened = funnel_.screen(proposal->text);
    }
    Candidate row;
    row.generation = generation;
    row.slot = slot;
    row.attempt = attempt;
    row.proposer = proposer.name();
    row.label = sanitiseLabel(proposal->label);
    row.parents = proposal->parents;
    if (Result<void> recorded = record(std::move(row), screened); !recorded)
      return recorded.error();
    if (screened.verdict == Verdict::Accepted)
      break;
  }
  return true;
}

/// Accepted candidates, best first.
std::vector<const Evolution::Member *> Evolution::ranking() const {
  std::vector<const Member *> members;
  for (const Member &member : members_)
    if (member.score)
      members.push_back(&member);
  auto fitness = [](const Member &member) {
    return Fitness{member.score->ranked ? std::optional(member.score->reward) : std::nullopt,
                   member.row.hash};
  };
  std::sort(members.begin(), members.end(),
            [&](const Member *a, const Member *b) { return outranks(fitness(*a), fitness(*b)); });
  return members;
}

std::vector<Individual> Evolution::population() const {
  std::vector<Individual> population;
  for (const Member *member : ranking())
    if (member->score->ranked && population.size() < static_cast<size_t>(config_.population))
      population.push_back(
          {member->row.id, member->row.text, *member->program, member->score->reward});
  return population;
}

/// What the previous generation's proposals were refused for, most frequent first.
std::vector<std::string> Evolution::diagnosticsBefore(int generation) const {
  std::map<std::string, int> counts;
  for (const Member &member : members_) {
    if (member.row.generation != generation - 1 || member.row.diagnostics.empty())
      continue;
    ++counts[member.row.diagnostics.substr(0, member.row.diagnostics.find(' '))];
  }
  std::vector<std::string> ids;
  for (auto &[id, count] : counts)
    ids.push_back(id);
  std::stable_sort(ids.begin(), ids.end(),
                   [&](const auto &a, const auto &b) { return counts[a] > counts[b]; });
  return ids;
}

Evaluator::Task Evolution::task(const Member &member, Stage stage, uint64_t seed) const {
  bool final = stage == Stage::Final;
  trainer::JobSpec base;
  base.task = config_.task;
  base.prompts = final ? "final" : "search";
  base.trainerConfig = final ? config_.train : config_.short_train;
  base.engine = config_.engine;
  base.seed = seed;
  base.threads = config_.threads;
  ScaledObjective objective =
      *scaledObjective(*member.program); // the funnel has let none pass without
  ScaleRange range = objective.range;
  if (final && member.score &&
      member.score->ranked) // where the short stage met the target is a good place to begin
    range.start = std::clamp(member.score->scale, range.lower, range.upper);
  ScoreSearch search(final ? config_.final_score : config_.short_score, range);
  return {member.row.id, stage, std::move(objective), std::move(base), std::move(search)};
}

Result<bool> Evolution::evaluate(std::vector<Evaluator::Task> tasks, Progress progress) {
  if (std::vector<const Member *> ranked = ranking(); !ranked.empty() && ranked[0]->score->ranked) {
    progress.best = ranked[0]->row.label;
    progress.bestReward = ranked[0]->score->reward;
  }
  progress.generations = config_.generations;
  if (parts_.compileGeneration && config_.engine == "host") {
    std::set<std::string> texts; // the final stage trains each more than once
    for (const Evaluator::Task &task : tasks)
      texts.insert(task.objective.text);
    parts_.compileGeneration({texts.begin(), texts.end()});
  }
  auto observer = [&](size_t scored, size_t toScore) {
    progress.scored = scored;
    progress.toScore = toScore;
    progress.trainings = evaluator_.trainingsRun();
    parts_.observer(progress);
  };
  Result<std::optional<std::vector<ScoreRow>>> rows =
      evaluator_.evaluate(std::move(tasks), observer);
  if (!rows)
    return rows.error();
  if (!*rows)
    return false;
  if (Result<void> added = parts_.archive.addScores(**rows); !added)
    return added.error();
  for (const ScoreRow &row : **rows)
    if (row.stage == Stage::Short)
      members_[static_cast<size_t>(row.candidate) - 1].score = row.score;
  return true;
}

Result<bool> Evolution::scoreGeneration(int generation) {
  std::vector<Evaluator::Task> tasks;
  for (const Member &member : members_)
    if (member.row.generation == generation && member.program && !member.score)
      tasks.push_back(task(member, Stage::Short, shortSeed(config_.seed)));
  if (tasks.empty())
    return true;
  Progress progress;
  progress.generation = generation;
  return evaluate(std::move(tasks), progress);
}

Result<bool> Evolution::scoreFinalists() {
  std::vector<const Member *> members;
  for (const Member &member : members_)
    if (member.row.proposer == "baseline")
      members.push_back(&member);
  size_t wanted = members.size() + static_cast<size_t>(config_.finalists);
  for (const Member *member : ranking())
    if (!published(member->row) && member->score->ranked && members.size() < wanted)
      members.push_back(member);
  Result<std::vector<ScoreRow>> scores = parts_.archive.scores();
  if (!scores)
    return scores.error();
  for (const ScoreRow &row : *scores)
    if (row.stage == Stage::Final) // they were added all at once
      return true;
  std::vector<Evaluator::Task> tasks;
  for (const Member *member : members)
    for (int i = 0; i < config_.final_seeds; ++i)
      tasks.push_back(task(*member, Stage::Final,
                           trainingSeed(config_.seed, "final training", static_cast<uint64_t>(i))));
  Progress progress;
  progress.stage = Stage::Final;
  progress.generation = config_.generations;
  return evaluate(std::move(tasks), progress);
}

} // namespace disco::search
