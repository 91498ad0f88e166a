// `disco`: the command line of the trainer. Registers the subcommands, turns signals into a request
// to stop and anything unforeseen into exit code 70.
#include "tools/disco/Command.h"

#include <csignal>
#include <cstdio>
#include <exception>

namespace disco::tools {
namespace {

std::atomic<bool> stopFlag{false};

void requestStop(int signal) {
  stopFlag = true;
  std::signal(signal, SIG_DFL); // the second one is not ours to delay
}

} // namespace

int &exitCode() {
  static int code = kOk;
  return code;
}

void fail(const Error &error) {
  std::fprintf(stderr, "disco: error: %s\n", error.message.c_str());
  exitCode() = kFailed;
}

const std::atomic<bool> &stopRequested() { return stopFlag; }

namespace {

int run(int argc, char **argv) {
  std::signal(SIGINT, requestStop);
  std::signal(SIGTERM, requestStop);
  std::signal(SIGPIPE,
              SIG_IGN); // a reader that went away is a failed write, not the end of the process

  CLI::App app("Trains language models on preference pairs with objectives written in .dpo files, "
               "and searches for better objectives.",
               "disco");
  app.require_subcommand(1);
  app.footer(
      "Example, from nothing to a trained model on invented film reviews:\n"
      "  disco data synthetic -o data/synthetic\n"
      "  disco train --config recipes/synthetic/demo.yaml "
      "--objective grammars/objectives/dpo.dpo -o runs/dpo\n\n"
      "Exit codes: 0 done, 1 a diagnosed error, 2 wrong command line, 3 interrupted (the same "
      "command goes on), 70 a bug of disco.");
#ifdef DISCO_WITH_TORCH
  addData(app);
  addTrain(app);
  addEval(app);
  addJob(app);
  addEvolve(app);
#endif
  addReport(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? kOk : kUsage; // 0: --help was printed
  }
  return exitCode();
}

} // namespace
} // namespace disco::tools

int main(int argc, char **argv) {
  try {
    return disco::tools::run(argc, argv);
  } catch (const std::exception &failure) {
    std::fprintf(
        stderr,
        "disco: internal error: %s\nThis is a bug of disco; please report it with the command.\n",
        failure.what());
    return disco::tools::kBug;
  }
}
