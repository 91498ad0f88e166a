// `disco eval`: scores the models of runs, one CSV row per run, in the columns of DiscoPOP's
// published curve.
#include "tools/disco/Command.h"
#include "trainer/Evaluate.h"
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
  std::string output, prompts;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
};

Result<std::string> evaluateRun(const std::string &run, const Flags &flags) {
  auto info = trainer::loadRunInfo(run);
  if (!info)
    return info.error();
  if (!flags.prompts.empty())
    info->eval.prompts = flags.prompts;
  auto task = data::loadTask(info->task);
  if (!task)
    return task.error();
  auto setup = trainer::loadEvalSetup(*task, info->eval.prompts, info->eval.max_prompts);
  if (!setup)
    return setup.error();
  auto policy = trainer::loadModel(run + "/model");
  if (!policy)
    return policy.error();
  auto result = trainer::evaluate(**policy, *setup, info->eval);
  if (!result)
    return Error{run + ": " + result.error().message};
  std::printf("%s: reward %.4f  judge %.4f  KL(policy||reference) %.4f  KL(reference||policy) %.4f "
              " %.1f tokens  (%zu completions)\n",
              run.c_str(), result->reward, result->judge, result->klPolicyReference,
              result->klReferencePolicy, result->completionLength, result->completions);
  auto beta = info->parameters.find("beta");
  double value =
      beta == info->parameters.end() ? std::numeric_limits<double>::quiet_NaN() : beta->second;
  return trainer::csvRow(info->objective, value, info->seed, *result);
}

void runEval(const Flags &flags) {
  trainer::prepareProcess(flags.threads);
  std::string csv = trainer::csvHeader();
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
      "eval", "Score trained runs: reward, second judge, divergence from the reference");
  command->add_option("runs", flags->runs, "folders made by `disco train`")->required();
  command->add_option("-o,--output", flags->output, "CSV file to write")->required();
  command
      ->add_option("--prompts", flags->prompts,
                   "which prompts; the recipe of the run says which otherwise")
      ->check(CLI::IsMember({"search", "final"}));
  command->add_option("--threads", flags->threads, "processor threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->callback([flags] { runEval(*flags); });
}

} // namespace disco::tools
