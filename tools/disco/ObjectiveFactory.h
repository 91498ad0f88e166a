// From the text of an objective to something a training can call: the one place where trainer and
// compiler meet.
#pragma once

#include "dsl/Dsl.h"
#include "trainer/Objective.h"

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace disco::tools {

/// "host" where this build has a compiler, else "interpreter".
const char *defaultEngine();

/// `engine` is "host" or "interpreter"; `library` is where `use` finds objectives; `warnings` gets
/// the findings that do not stop it, as rendered. Errors: findings in the text as rendered, a
/// setting outside its range, an engine that this build lacks.
Result<std::unique_ptr<trainer::Objective>>
makeObjective(const Source &source,
              const std::vector<std::pair<std::string, std::string>> &settings,
              const std::string &engine, const dsl::Library &library = dsl::Library(),
              std::string *warnings = nullptr);

/// The same with the values of all parameters in the order of the text.
Result<std::unique_ptr<trainer::Objective>>
makeObjective(const Source &source, std::span<const double> parameters, const std::string &engine);

/// How the host engine gets its code; flags set it, once for the process.
struct HostCompilation {
  bool inProcess = false, noCache = false;
};
HostCompilation &hostCompilation();
void addCompilationFlags(CLI::App &command);

/// Compiles the objectives of a generation at once, on two workers, into the cache, where their
/// trainings find the code. Empty where there is no cache.
Result<std::function<void(const std::vector<std::string> &)>> compilerOfGenerations();

/// The shortest text that reads back as the same number.
std::string exactText(double value);

/// Splits `beta=0.1` as given to -D; the error names the argument.
Result<std::vector<std::pair<std::string, std::string>>>
parseSettings(const std::vector<std::string> &arguments);

} // namespace disco::tools
