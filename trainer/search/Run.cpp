// See Run.h.
#include "trainer/search/Run.h"

#include "trainer/data/AtomicFile.h"
#include "trainer/data/Task.h"
#include "trainer/search/GrammarProposer.h"
#include "trainer/search/OpenAiProposer.h"
#include "trainer/search/ReplayProposer.h"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <thread>

namespace disco::search {
namespace {

using Proposers = std::map<std::string, std::unique_ptr<Proposer>>;

Result<Proposers> makeProposers(const EvolveConfig &config, const std::string &place) {
  Proposers made;
  for (const ProposerShare &share : config.proposers) {
    if (share.name == "grammar") {
      made[share.name] = std::make_unique<GrammarProposer>();
    } else if (share.name == "replay") {
      Result<std::unique_ptr<ReplayProposer>> replay = ReplayProposer::open(config.replay);
      if (!replay)
        return replay.error();
      made[share.name] = std::move(*replay);
    } else {
      const char *key = std::getenv("OPENAI_API_KEY");
      auto sleep = [](double seconds) {
        std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
      };
      Result<ChatClient> client = ChatClient::create(config.openai, key ? key : "", sleep);
      if (!client)
        return Error{place + ": " + client.error().message};
      made[share.name] = std::make_unique<OpenAiProposer>(std::move(*client), config.openai.record);
    }
  }
  return made;
}

} // namespace

Result<RunOutcome> runSearch(const RunRequest &request, const std::atomic<bool> &stop) {
  Result<EvolveConfig> config =
      evolveConfigFromYaml(request.configText, request.configPlace, request.checkTrain);
  if (!config)
    return config.error();
  Result<data::Task> task = data::loadTask(config->task);
  if (!task)
    return task.error();
  Result<Proposers> proposers = makeProposers(*config, request.configPlace);
  if (!proposers)
    return proposers.error();
  JobRunner::Settings settings;
  settings.command = request.jobCommand;
  settings.folder = request.folder + "/jobs";
  settings.workers = config->workers;
  settings.limits = {std::chrono::seconds(config->deadline_s), uint64_t(config->memory_mb) << 20};
  if (Result<void> made = data::createFolders(settings.folder); !made)
    return made.error();
  std::string identity = nlohmann::json{{"search", nlohmann::json::parse(searchIdentity(*config))},
                                        {"task", task->hash},
                                        {"trainer", trainer::kTrainerVersion}}
                             .dump();
  Result<Archive> archive = Archive::open(
      request.folder, identity, request.resume ? Archive::Open::Resume : Archive::Open::New);
  if (!archive)
    return archive.error();
  for (const auto &[name, value] :
       {std::pair<std::string, std::string>{"task", task->name},
        {"target_kl", nlohmann::json(config->short_score.targetKl).dump()},
        {"config", request.configText}})
    if (Result<void> set = archive->setSetting(name, value); !set)
      return set.error();
  JobRunner runner(std::move(settings));
  Evolution evolution(*config, {*archive, runner, std::move(*proposers), task->hash,
                                request.observer, stop, request.compileGeneration});
  Result<bool> complete = evolution.run();
  if (!complete)
    return complete.error();
  RunOutcome outcome{*complete, evolution.trainingsRun(), config->short_score.targetKl, {}};
  if (outcome.complete) {
    Result<Leaderboard> board = leaderboard(*archive);
    if (!board)
      return board.error();
    outcome.board = std::move(*board);
  }
  return outcome;
}

} // namespace disco::search
