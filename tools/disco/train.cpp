// `disco train`: flags, the objective, and progress around trainer::train.
#include "tools/disco/Command.h"
#include "tools/disco/ObjectiveFactory.h"
#include "trainer/TrainRun.h"
#include "trainer/data/AtomicFile.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

namespace disco::tools {
namespace {

struct Flags {
  std::string config, objective, output, engine = defaultEngine();
  std::vector<std::string> settings, includes;
  bool resume = false;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
};

/// One line that is rewritten on a terminal, plain lines elsewhere.
void showProgress(const trainer::TrainProgress &p) {
  bool terminal = ::isatty(STDOUT_FILENO) != 0;
  double left = p.secondsPerStep * static_cast<double>(p.steps - p.step);
  std::printf(
      "%sstep %lld/%lld  loss %.4f  accuracy %.2f  margin %.4g  %.1f ms/step  %.0f s left%s",
      terminal ? "\r\x1b[K" : "", static_cast<long long>(p.step), static_cast<long long>(p.steps),
      p.loss, p.accuracy, p.margin, 1000 * p.secondsPerStep, left,
      terminal && p.step < p.steps ? "" : "\n");
  std::fflush(stdout);
}

void runTrain(const Flags &flags) {
  auto text = data::readFile(flags.config, 1 << 20);
  if (!text)
    return fail(text.error());
  auto recipe = trainer::recipeFromYaml(*text, flags.config);
  if (!recipe)
    return fail(recipe.error());
  auto source = dsl::readSource(flags.objective);
  if (!source)
    return fail(source.error());
  auto settings = parseSettings(flags.settings);
  if (!settings)
    return fail(settings.error());
  std::string warnings;
  auto objective =
      makeObjective(*source, *settings, flags.engine, dsl::Library(flags.includes), &warnings);
  if (!objective)
    return fail(objective.error());
  std::fputs(warnings.c_str(), stderr);

  trainer::prepareProcess(flags.threads);
  trainer::TrainOptions options;
  options.directory = flags.output;
  options.resume = flags.resume;
  options.stop = [] { return stopRequested().load(); };
  options.warn = [](const std::string &line) {
    std::fprintf(stderr, "disco: warning: %s\n", line.c_str());
  };
  options.progress = showProgress;
  trainer::TrainOutcome outcome = trainer::train(recipe->task, recipe->train, **objective, options);
  if (outcome.interrupted) {
    std::fprintf(stderr, "disco: %s; go on with --resume\n", outcome.reason.c_str());
    exitCode() = kInterrupted;
    return;
  }
  if (outcome.status != trainer::JobResult::Status::Ok)
    return fail(Error{outcome.reason});
  if (auto ok = trainer::saveRunInfo(flags.output, **objective, *recipe, outcome); !ok)
    return fail(ok.error());
  std::printf("%s: %lld steps, loss %.4f to %.4f, model in %s/model\n", flags.output.c_str(),
              static_cast<long long>(outcome.steps), outcome.firstLoss, outcome.lastLoss,
              flags.output.c_str());
}

} // namespace

void addTrain(CLI::App &app) {
  auto flags = std::make_shared<Flags>();
  CLI::App *command =
      app.add_subcommand("train", "Train a task's model on its preference pairs with an objective");
  command
      ->add_option("--config", flags->config,
                   "recipe (YAML): the task and the settings of the training")
      ->required();
  command->add_option("--objective", flags->objective, "objective (.dpo)")->required();
  command->add_option("-D", flags->settings, "set a parameter of the objective (repeatable)")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false);
  command
      ->add_option("-I", flags->includes, "look for objectives that it uses here too (repeatable)")
      ->type_name("DIR")
      ->allow_extra_args(false);
  command->add_option("-o,--output", flags->output, "folder of the run")
      ->required()
      ->check(nameFault);
  command->add_flag("--resume", flags->resume, "go on from the newest checkpoint of the run");
  command->add_option("--engine", flags->engine, "what evaluates the objective")
      ->check(CLI::IsMember({"host", "interpreter"}))
      ->capture_default_str();
  addCompilationFlags(*command);
  command->add_option("--threads", flags->threads, "processor threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->callback([flags] { runTrain(*flags); });
}

} // namespace disco::tools
