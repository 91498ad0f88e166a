// `disco eval`: scores the models of runs, one CSV row per run: by the completions they give, in
// the columns of DiscoPOP's published curve, or by their own objective on pairs.
#include "tools/disco/Command.h"
#include "tools/disco/ObjectiveFactory.h"
#include "trainer/Evaluate.h"
#include "trainer/EvaluatePairs.h"
#include "trainer/TrainRun.h"
#include "trainer/data/AtomicFile.h"

#include <algorithm>
#include <cstdio>
#include <limits>
#include <memory>
#include <thread>

namespace disco::tools {
namespace {

struct Flags {
  std::vector<std::string> runs;
  std::string output, prompts, pairs, engine = defaultEngine();
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
};

/// The parameter that curves are drawn over.
double betaOf(const trainer::RunInfo &info) {
  auto beta = info.parameters.find("beta");
  return beta == info.parameters.end() ? std::numeric_limits<double>::quiet_NaN() : beta->second;
}

Result<std::string> evaluateCompletions(const std::string &run, trainer::RunInfo &info,
                                        const Flags &flags) {
  if (!flags.prompts.empty())
    info.eval.prompts = flags.prompts;
  auto task = data::loadTask(info.task);
  if (!task)
    return task.error();
  auto setup = trainer::loadEvalSetup(*task, info.eval.prompts, info.eval.max_prompts);
  if (!setup)
    return setup.error();
  auto policy = trainer::loadModel(run + "/model");
  if (!policy)
    return policy.error();
  auto result = trainer::evaluate(**policy, *setup, info.eval);
  if (!result)
    return Error{run + ": " + result.error().message};
  std::printf("%s: reward %.4f  judge %.4f  KL(policy||reference) %.4f  KL(reference||policy) %.4f "
              " %.1f tokens  (%zu completions)\n",
              run.c_str(), result->reward, result->judge, result->klPolicyReference,
              result->klReferencePolicy, result->completionLength, result->completions);
  return trainer::csvRow(info.objective, betaOf(info), info.seed, *result);
}

Result<std::string> evaluateObjective(const std::string &run, const trainer::RunInfo &info,
                                      const Flags &flags) {
  auto objective = makeObjective(Source(run + "/run.json", info.text),
                                 std::span(info.parameterValues), flags.engine);
  if (!objective)
    return objective.error();
  auto result = trainer::evaluatePairs(run, info, **objective, flags.pairs);
  if (!result)
    return result.error();
  std::printf("%s: loss %.6g  accuracy %.4f  margin %.6g  (%zu pairs)\n", run.c_str(), result->loss,
              result->rewardAccuracy, result->rewardMargin, result->pairs);
  for (const auto &[name, value] : result->metrics)
    std::printf("  objective/%s %.6g\n", name.c_str(), value);
  return trainer::csvRow(info.objective, betaOf(info), info.seed, *result);
}

Result<std::string> evaluateRun(const std::string &run, const Flags &flags) {
  auto info = trainer::loadRunInfo(run);
  if (!info)
    return info.error();
  return flags.pairs.empty() ? evaluateCompletions(run, *info, flags)
                             : evaluateObjective(run, *info, flags);
}

void runEval(const Flags &flags) {
  trainer::prepareProcess(flags.threads);
  std::string csv = flags.pairs.empty() ? trainer::csvHeader() : trainer::pairsCsvHeader();
  for (const std::string &run : flags.runs) {
    if (stopRequested()) {
      exitCode() = kInterrupted;
      return;
    }
    auto row = evaluateRun(run, flags);
    if (!row)
      return fail(row.error());
    csv += *row;
  }
  if (auto ok = data::writeFileAtomically(flags.output, csv); !ok)
    return fail(ok.error());
}

} // namespace

void addEval(CLI::App &app) {
  auto flags = std::make_shared<Flags>();
  CLI::App *command = app.add_subcommand(
      "eval", "Score trained runs by reward, second judge and divergence from the reference, or by "
              "their own objective on pairs");
  command->add_option("runs", flags->runs, "folders made by `disco train`")->required();
  command->add_option("-o,--output", flags->output, "CSV file to write")
      ->required()
      ->check(nameFault);
  auto *prompts = command
                      ->add_option("--prompts", flags->prompts,
                                   "which prompts; the recipe of the run says which otherwise")
                      ->check(CLI::IsMember({"search", "final"}));
  command
      ->add_option("--pairs", flags->pairs,
                   "loss, rewards and metrics on these pairs (.jsonl) instead; states of the "
                   "objective are those the run ended with")
      ->excludes(prompts);
  addCompilationFlags(*command);
  command->add_option("--engine", flags->engine, "what evaluates the objective, for --pairs")
      ->check(CLI::IsMember({"host", "interpreter"}))
      ->capture_default_str();
  command->add_option("--threads", flags->threads, "processor threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->callback([flags] { runEval(*flags); });
}

} // namespace disco::tools
