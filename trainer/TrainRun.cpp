// The loop around DpoTrainer.
#include "trainer/TrainRun.h"

#include "dsl/Dsl.h"
#include "trainer/Checkpoint.h"
#include "trainer/DpoTrainer.h"
#include "trainer/MetricsLog.h"
#include "trainer/data/AtomicFile.h"
#include "trainer/data/ContentHash.h"
#include "trainer/data/Task.h"

#include <nlohmann/json.hpp>

#include <c10/util/Exception.h>

#include <chrono>
#include <filesystem>
#include <optional>

namespace disco::trainer {
namespace {

using nlohmann::json;

TrainOutcome failed(TrainOutcome outcome, JobResult::Status status, std::string reason) {
  outcome.status = status;
  outcome.reason = std::move(reason);
  return outcome;
}

/// Everything of a training that has to be loaded.
struct Prepared {
  data::Task task;
  data::Tokenizer tokenizer;
  ModelPtr policy;
  PairSet pairs;
  ModelPtr reference; // only for an objective that reads divergences from it
};

/// What a checkpoint may be continued with: everything that decides the numbers.
std::string identityOf(const Objective &objective, const TrainConfig &config,
                       const Prepared &prepared) {
  data::ContentHash hash;
  hash.add(dsl::codeHash(objective.program()));
  for (double parameter : objective.parameters())
    hash.add(json(parameter).dump());
  TrainConfig numbers = config;
  numbers.save_steps = 0; // how often to save, unlike the rest, may change
  hash.add(toJson(numbers)).add(prepared.task.hash).add(contentHash(*prepared.policy));
  for (const std::vector<float> &values : prepared.pairs.columns)
    hash.add({reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float)});
  return hash.hex();
}

Result<Prepared> prepare(const std::string &directory, const TrainConfig &config,
                         const Objective &objective,
                         const std::function<void(const std::string &)> &warn) {
  auto task = data::loadTask(directory);
  if (!task)
    return task.error();
  auto tokenizer = data::Tokenizer::load(task->paths.tokenizer());
  if (!tokenizer)
    return tokenizer.error();
  auto policy = loadModel(task->paths.model());
  if (!policy)
    return policy.error();
  auto rows = data::readPreferencePairs(task->paths.pairs(), wantedColumns(objective.program()));
  if (!rows)
    return rows.error();
  auto pairs = tokenizePairs(*rows, *tokenizer, config, configOf(**policy));
  if (!pairs)
    return Error{task->paths.pairs() + ": " + pairs.error().message};
  if (pairs->dropped > 0 && warn)
    warn(task->paths.pairs() + ": left out " + std::to_string(pairs->dropped) +
         " pairs whose completion `max_length` cuts off");
  if (static_cast<int64_t>(pairs->pairs.size()) < config.pairsPerStep())
    return Error{task->paths.pairs() + ": " + std::to_string(pairs->pairs.size()) +
                 " pairs, but an optimiser step takes " + std::to_string(config.pairsPerStep())};
  Needs needs = needsOf(objective.program());
  if (needs.referenceLogps()) {
    std::string warning;
    cachedReference(**policy, *pairs, task->paths.cache(), warning);
    if (!warning.empty() && warn)
      warn(warning);
  }
  ModelPtr reference;
  if (needs.divergence()) {
    auto loaded = loadModel(task->paths.model());
    if (!loaded)
      return loaded.error();
    reference = std::move(*loaded);
  }
  return Prepared{std::move(*task), std::move(*tokenizer), std::move(*policy), std::move(*pairs),
                  std::move(reference)};
}

/// The run's files, or none.
class RunFolder {
public:
  RunFolder(const TrainOptions &options, DpoTrainer &trainer, std::string identity)
      : options_(options), trainer_(trainer), identity_(std::move(identity)) {}

  Result<void> open(TrainOutcome &outcome) {
    if (options_.directory.empty())
      return {};
    if (auto ok = data::createFolders(options_.directory); !ok)
      return ok;
    std::string checkpoints = options_.directory + "/checkpoints";
    uint64_t keep = 0;
    if (options_.resume) {
      std::string warning;
      auto state = loadCheckpoint(options_.directory, identity_, trainer_.tensors(), warning);
      if (!state)
        return state.error();
      if (!warning.empty() && options_.warn)
        options_.warn(warning);
      if (*state) {
        keep = (*state)->metricsBytes;
        if (!trainer_.resumeAt((*state)->nextStep, (*state)->tokensSeen, (*state)->states))
          return Error{checkpoints + ": the newest checkpoint lacks states of the objective; train "
                                     "into another folder"};
        outcome.firstLoss = (*state)->summary["first_loss"];
        outcome.lastLoss = (*state)->summary["last_loss"];
        outcome.rewardAccuracy = (*state)->summary["reward_accuracy"];
      }
    } else if (std::filesystem::exists(checkpoints) ||
               std::filesystem::exists(options_.directory + "/metrics.jsonl"))
      return Error{
          options_.directory +
          ": holds a run already; add --resume to go on with it, or choose another folder"};
    auto log = MetricsLog::open(options_.directory + "/metrics.jsonl", keep);
    if (!log)
      return log.error();
    log_.emplace(std::move(*log));
    return {};
  }

  Result<void> append(const std::map<std::string, double> &row) {
    return log_ ? log_->append(row) : Result<void>();
  }

  Result<void> checkpoint(const TrainOutcome &outcome) {
    if (!log_)
      return {};
    auto bytes = log_->sync();
    if (!bytes)
      return bytes.error();
    return saveCheckpoint(options_.directory,
                          {identity_,
                           trainer_.next(),
                           trainer_.tokensSeen(),
                           *bytes,
                           {{"first_loss", outcome.firstLoss},
                            {"last_loss", outcome.lastLoss},
                            {"reward_accuracy", outcome.rewardAccuracy}},
                           trainer_.states()},
                          trainer_.tensors());
  }

private:
  const TrainOptions &options_;
  DpoTrainer &trainer_;
  std::string identity_;
  std::optional<MetricsLog> log_;
};

TrainOutcome runTraining(const std::string &taskDirectory, const TrainConfig &config,
                         Objective &objective, const TrainOptions &options) {
  using Status = JobResult::Status;
  TrainOutcome outcome;
  auto prepared = prepare(taskDirectory, config, objective, options.warn);
  if (!prepared)
    return failed(outcome, Status::Failed, prepared.error().message);
  std::string identity = identityOf(objective, config, *prepared);
  DpoTrainer trainer(*prepared->policy, objective, prepared->pairs, config,
                     prepared->reference.get());
  RunFolder folder(options, trainer, identity);
  if (auto ok = folder.open(outcome); !ok)
    return failed(outcome, Status::Failed, ok.error().message);

  auto started = std::chrono::steady_clock::now();
  int64_t startedAt = trainer.next();
  while (!trainer.done()) {
    if (options.stop && options.stop()) {
      outcome.interrupted = true;
      outcome.steps = trainer.next();
      auto saved = folder.checkpoint(outcome);
      return failed(outcome, Status::Failed,
                    saved ? "stopped at step " + std::to_string(trainer.next())
                          : saved.error().message);
    }
    DpoTrainer::Step step = trainer.step();
    if (!step.failure.empty()) {
      outcome.steps = step.index;
      return failed(outcome, Status::NonFinite, step.failure);
    }
    if (step.index == 0)
      outcome.firstLoss = step.loss;
    outcome.lastLoss = step.loss;
    if (step.index % config.logging_steps == 0 || trainer.done()) {
      auto row = trainer.metrics();
      outcome.rewardAccuracy = row["rewards/accuracies"];
      if (auto ok = folder.append(row); !ok)
        return failed(outcome, Status::Failed, ok.error().message);
      if (options.progress) {
        std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started;
        options.progress({trainer.next(), trainer.steps(), step.loss, outcome.rewardAccuracy,
                          row["rewards/margins"],
                          elapsed.count() / static_cast<double>(trainer.next() - startedAt)});
      }
    }
    if (config.save_steps > 0 && trainer.next() % config.save_steps == 0 && !trainer.done())
      if (auto ok = folder.checkpoint(outcome); !ok)
        return failed(outcome, Status::Failed, ok.error().message);
  }
  outcome.steps = trainer.next();
  outcome.states = trainer.states();
  outcome.policy = prepared->policy;
  if (!options.directory.empty()) {
    if (auto ok = folder.checkpoint(outcome); !ok)
      return failed(outcome, Status::Failed, ok.error().message);
    if (auto ok = saveModel(*prepared->policy, prepared->tokenizer, options.directory + "/model");
        !ok)
      return failed(outcome, Status::Failed, ok.error().message);
  }
  outcome.status = Status::Ok;
  return outcome;
}

} // namespace

TrainOutcome train(const std::string &task, const TrainConfig &config, Objective &objective,
                   const TrainOptions &options) {
  try {
    return runTraining(task, config, objective, options);
  } catch (const c10::Error &error) {
    // Sizes are checked before; what is left is memory that cannot be had.
    return failed({}, JobResult::Status::Failed,
                  std::string("torch: ") + error.what_without_backtrace());
  } catch (const std::bad_alloc &) {
    return failed({}, JobResult::Status::Failed, "out of memory");
  }
}

Result<void> saveRunInfo(const std::string &directory, const Objective &objective,
                         const Recipe &recipe, const TrainOutcome &outcome) {
  const dsl::Program &program = objective.program();
  nlohmann::ordered_json root;
  root["objective"] = program.name;
  root["code_hash"] = dsl::codeHash(program);
  root["text"] = dsl::printProgram(program);
  root["parameters"] = json::object();
  for (size_t i = 0; i < program.parameters.size(); ++i)
    root["parameters"][program.parameters[i].name] = objective.parameters()[i];
  root["states"] = json::object();
  for (size_t i = 0; i < program.states.size(); ++i)
    root["states"][program.states[i].name] = outcome.states[i];
  root["metrics"] = json::array();
  for (const dsl::Metric &metric : program.metrics)
    root["metrics"].push_back(metric.name);
  root["steps"] = outcome.steps;
  root["task"] = recipe.task;
  root["train"] = nlohmann::ordered_json::parse(toJson(recipe.train));
  root["eval"] = {{"prompts", recipe.eval.prompts},
                  {"max_prompts", recipe.eval.max_prompts},
                  {"samples", recipe.eval.samples},
                  {"seed", recipe.eval.seed}};
  if (auto ok = data::createFolders(directory); !ok)
    return ok;
  return data::writeFileAtomically(directory + "/run.json", root.dump(2) + "\n");
}

Result<RunInfo> loadRunInfo(const std::string &directory) {
  std::string path = directory + "/run.json";
  auto text = data::readFile(path, 1 << 20);
  if (!text)
    return text.error();
  auto root = nlohmann::ordered_json::parse(*text, nullptr, false);
  RunInfo info;
  try {
    root.at("objective").get_to(info.objective);
    root.at("text").get_to(info.text);
    for (const auto &[name, value] : root.at("parameters").items())
      info.parameterValues.push_back(value.get<double>());
    auto states = root.value("states", nlohmann::ordered_json::object());
    for (const auto &[name, value] : states.items())
      info.states.push_back(value.get<double>());
    info.metrics = root.value("metrics", info.metrics);
    info.steps = root.value("steps", info.steps);
    root.at("parameters").get_to(info.parameters);
    root.at("task").get_to(info.task);
    root.at("train").at("seed").get_to(info.seed);
    const auto &eval = root.at("eval");
    eval.at("prompts").get_to(info.eval.prompts);
    eval.at("max_prompts").get_to(info.eval.max_prompts);
    eval.at("samples").get_to(info.eval.samples);
    eval.at("seed").get_to(info.eval.seed);
  } catch (const nlohmann::ordered_json::exception &) {
    return Error{path + ": not written by `disco train`"};
  }
  auto settings = jobConfigFromYaml(root["train"].dump(), path);
  if (!settings)
    return settings.error();
  info.train = settings->train;
  return info;
}

} // namespace disco::trainer
