// `disco evolve`: searches for objectives. Prints progress on standard error and the leaderboard on
// standard output.
#include "tools/disco/Command.h"
#include "tools/disco/ObjectiveFactory.h"
#include "trainer/TrainConfig.h"
#include "trainer/data/AtomicFile.h"
#include "trainer/search/JobRunner.h"
#include "trainer/search/Run.h"
#include "trainer/search/Text.h"

#include <chrono>
#include <cstdio>
#include <memory>

#include <unistd.h>

namespace disco::tools {
namespace {

struct EvolveOptions {
  std::string config, output;
  bool resume = false;
};

/// One line that rewrites itself on a terminal, and plain lines, not too many, elsewhere.
class ProgressPrinter {
public:
  void operator()(const search::Progress &progress) {
    auto now = std::chrono::steady_clock::now();
    bool stageEnds = progress.scored == progress.toScore;
    bool stageBegins = progress.generation != generation_ || progress.stage != stage_;
    if (stageBegins) {
      stageBegan_ = now;
      generation_ = progress.generation;
      stage_ = progress.stage;
    }
    if (!terminal_ && !stageBegins && !stageEnds && now - printed_ < std::chrono::seconds(15))
      return;
    printed_ = now;
    std::string line = progress.stage == search::Stage::Final
                           ? std::string("final stage")
                           : "generation " + std::to_string(progress.generation) + "/" +
                                 std::to_string(progress.generations);
    line += ": " + std::to_string(progress.scored) + "/" + std::to_string(progress.toScore) +
            " scored, " + std::to_string(progress.trainings) + " trainings";
    if (!progress.best.empty()) {
      char best[32];
      std::snprintf(best, sizeof best, " (%.4f)", progress.bestReward);
      line += ", best " + search::oneLine(progress.best, 32) + best;
    }
    if (progress.scored > 0 && !stageEnds) {
      double elapsed = std::chrono::duration<double>(now - stageBegan_).count();
      double left = elapsed * double(progress.toScore - progress.scored) / double(progress.scored);
      line += ", about " + std::to_string(static_cast<int>(left + 0.5)) + " s left of it";
    }
    std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line.c_str());
    if (terminal_ && stageEnds)
      std::fputc('\n', stderr);
  }

private:
  bool terminal_ = isatty(STDERR_FILENO);
  int generation_ = -1;
  search::Stage stage_ = search::Stage::Short;
  std::chrono::steady_clock::time_point stageBegan_{}, printed_{};
};

Result<void> checkTrain(const std::string &settings) {
  Result<trainer::JobConfig> config = trainer::jobConfigFromYaml(settings, "training settings");
  if (!config)
    return config.error();
  return {};
}

void evolve(const EvolveOptions &options) {
  constexpr uint64_t kConfigLimit = 1 << 20;
  Result<std::string> config = data::readFile(options.config, kConfigLimit);
  if (!config)
    return fail(config.error());
  Result<std::string> disco = search::ownExecutable();
  if (!disco)
    return fail(disco.error());
  auto compileGeneration = compilerOfGenerations();
  if (!compileGeneration)
    return fail(compileGeneration.error());
  std::vector<std::string> job = {*disco, "job", "--in-process"};
  if (hostCompilation().noCache)
    job.emplace_back("--no-cache");
  search::RunRequest request{*config, options.config, options.output,    options.resume,
                             job,     checkTrain,     ProgressPrinter(), *compileGeneration};
  Result<search::RunOutcome> outcome = search::runSearch(request, stopRequested());
  if (!outcome)
    return fail(outcome.error());
  if (!outcome->complete) {
    std::fprintf(stderr, "\ndisco: stopped; the same command with --resume goes on\n");
    exitCode() = kInterrupted;
    return;
  }
  std::fputs(search::printLeaderboard(outcome->board, outcome->targetKl).c_str(), stdout);
  std::fprintf(stderr, "%lld trainings were run now; `disco report %s` writes the report\n",
               static_cast<long long>(outcome->trainings), options.output.c_str());
}

} // namespace

void addEvolve(CLI::App &app) {
  auto options = std::make_shared<EvolveOptions>();
  CLI::App *command = app.add_subcommand(
      "evolve", "Search for objectives that train better than the published ones");
  command->add_option("--config", options->config, "Settings of the search, YAML")->required();
  command->add_option("-o,--output", options->output, "Folder of the run")->required();
  command->add_flag("--resume", options->resume, "Go on with the run in that folder");
  addCompilationFlags(*command);
  command->callback([options] { evolve(*options); });
}

} // namespace disco::tools
