// `disco data imdb|synthetic`: flags, reading the reviews, and progress lines around
// trainer::prepareTask.
#include "tools/disco/Command.h"

#include "trainer/Model.h"
#include "trainer/PrepareTask.h"
#include "trainer/data/Imdb.h"
#include "trainer/data/Synthetic.h"

#include <chrono>
#include <cstdio>
#include <memory>

namespace disco::tools {
namespace {

/// Flags that both sources share.
struct Flags {
  std::vector<std::string> from;
  std::string output, size;
  uint64_t seed = 42;
  int threads = 1; // the models are small: more threads mostly wait for each other
};

void addFlags(CLI::App &command, Flags &flags) {
  command.add_option("-o,--output", flags.output, "task directory to make")->required();
  std::vector<std::string> sizes;
  for (const trainer::TaskSize &size : trainer::taskSizes())
    sizes.push_back(size.name);
  command.add_option("--size", flags.size, "size of the model and the data")
      ->check(CLI::IsMember(sizes))
      ->capture_default_str();
  command.add_option("--seed", flags.seed, "of everything that is drawn at random")
      ->capture_default_str();
  command.add_option("--threads", flags.threads, "processor threads")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
}

/// Lines with the seconds since the start, on standard output.
std::function<void(const std::string &)> timedLines() {
  auto start = std::chrono::steady_clock::now();
  return [start](const std::string &line) {
    std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    std::printf("%6.1f s  %s\n", elapsed.count(), line.c_str());
    std::fflush(stdout);
  };
}

void prepare(const std::string &name, const Flags &flags, const data::Reviews &reviews,
             const std::optional<data::LinearScorer> &reward, double requiredAccuracy,
             const std::function<void(const std::string &)> &progress) {
  trainer::prepareProcess(flags.threads);
  trainer::PrepareOptions options;
  options.name = name;
  options.directory = flags.output;
  options.size = *trainer::findTaskSize(flags.size);
  options.seed = flags.seed;
  options.requiredAccuracy = requiredAccuracy;
  options.progress = progress;
  options.stop = [] { return stopRequested().load(); };
  Result<data::Task> task = trainer::prepareTask(reviews, reward, options);
  if (!task && stopRequested()) {
    fail({task.error().message + "; the same command goes on after the last finished step"});
    exitCode() = kInterrupted;
    return;
  }
  if (!task)
    return fail(task.error());
  progress(flags.output + ": " + std::to_string(task->pairs) + " pairs, task " +
           task->hash.substr(0, 12));
}

void runImdb(const Flags &flags) {
  auto progress = timedLines();
  Result<data::Reviews> reviews = data::readImdb(flags.from);
  if (!reviews)
    return fail(reviews.error());
  progress("reviews: " + std::to_string(reviews->train.size()) + " to learn from, " +
           std::to_string(reviews->judge.size()) + " for the judge, " +
           std::to_string(reviews->search.size()) + " for the search, " +
           std::to_string(reviews->final.size()) + " for the final score");
  // A small cut of the reviews cannot reach what the whole data must.
  bool whole = reviews->train.size() >= 20000;
  prepare("imdb", flags, *reviews, std::nullopt, whole ? 0.85 : 0, progress);
}

void runSynthetic(const Flags &flags) {
  auto progress = timedLines();
  data::SyntheticSizes sizes;
  if (flags.size == "tiny")
    sizes = {.train = 300, .judge = 300, .search = 50, .final = 50};
  data::Reviews reviews = data::syntheticReviews(flags.seed, sizes);
  prepare("synthetic", flags, reviews, data::syntheticReward(), 0, progress);
}

} // namespace

void addData(CLI::App &app) {
  CLI::App *data =
      app.add_subcommand("data", "Make a task: reward, judge, model, preference pairs");
  data->require_subcommand(1);

  auto imdb = std::make_shared<Flags>();
  imdb->size = "pico";
  CLI::App *imdbCommand = data->add_subcommand("imdb", "From the IMDb film reviews");
  imdbCommand
      ->add_option("--from", imdb->from,
                   "the folder aclImdb, or a folder or files with the reviews as .jsonl(.xz)")
      ->required();
  addFlags(*imdbCommand, *imdb);
  imdbCommand->footer("Example: disco data imdb --from aclImdb -o data/imdb\n"
                      "Run again after an interruption, it goes on where it was.");
  imdbCommand->callback([imdb] { runImdb(*imdb); });

  auto synthetic = std::make_shared<Flags>();
  synthetic->size = "micro";
  CLI::App *syntheticCommand =
      data->add_subcommand("synthetic", "From invented reviews with a known score");
  addFlags(*syntheticCommand, *synthetic);
  syntheticCommand->footer("Example: disco data synthetic -o data/synthetic");
  syntheticCommand->callback([synthetic] { runSynthetic(*synthetic); });
}

} // namespace disco::tools
