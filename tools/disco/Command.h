// What the subcommands of `disco` share: one function each to register, the exit codes, and the
// request to stop.
#pragma once

#include "dsl/support/Result.h"

#include <CLI/CLI.hpp>
#include <atomic>

namespace disco::tools {

/// Exit codes of every subcommand.
enum ExitCode : int {
  kOk = 0,
  kFailed = 1,      // a diagnosed error; the message is on standard error
  kUsage = 2,       // wrong command line
  kInterrupted = 3, // SIGINT or SIGTERM; what was finished is kept and the same command goes on
  kBug = 70,        // our own bug
};

/// What main returns; callbacks set it. kOk at first.
int &exitCode();

/// Prints `disco: error: MESSAGE` on standard error and sets exitCode() to kFailed.
void fail(const Error &error);

/// True once SIGINT or SIGTERM arrived. Long work looks at it between steps, saves, and sets
/// exitCode() to kInterrupted. A second signal ends the process at once.
const std::atomic<bool> &stopRequested();

/// A check of options that name what is written: what is wrong with it, found before the work.
inline std::string nameFault(const std::string &path) {
  return path.empty() ? "a name is missing" : "";
}

void addData(CLI::App &app);
void addTrain(CLI::App &app);
void addEval(CLI::App &app);
void addJob(CLI::App &app);
void addEvolve(CLI::App &app);
void addReport(CLI::App &app);

} // namespace disco::tools
