#include "tools/discoc/Options.h"

#include <CLI/CLI.hpp>
#include <string_view>

namespace disco::discoc {

namespace {

constexpr const char *kFooter = R"(
Examples:
  discoc lrml.dpo --check
  discoc lrml.dpo --emit=llvm -o lrml.ll
  discoc lrml.dpo -D beta=0.1 --run=batch.json --engine=interpreter
with batch.json: {"policy_chosen_logps": [-10, -20], "policy_rejected_logps": [-12, -18],
                  "reference_chosen_logps": [-11, -19], "reference_rejected_logps": [-11, -19]}

Exit codes: 0 done, 1 an error that was explained, 2 wrong command line, 70 a bug of discoc.)";

constexpr std::pair<std::string_view, Emit> kStages[] = {
    {"ast", Emit::Ast},     {"typed", Emit::Typed}, {"obj", Emit::Obj}, {"grad", Emit::Grad},
    {"loops", Emit::Loops}, {"llvm", Emit::Llvm},   {"asm", Emit::Asm}, {"ptx", Emit::Ptx}};
constexpr std::pair<std::string_view, Engine> kEngines[] = {{"interpreter", Engine::Interpreter},
                                                            {"host", Engine::Host}};

template <typename T, size_t N>
std::vector<std::string> namesOf(const std::pair<std::string_view, T> (&table)[N]) {
  std::vector<std::string> names;
  for (const auto &[name, value] : table)
    names.emplace_back(name);
  return names;
}
/// The value of a name that CLI::IsMember has let through.
template <typename T, size_t N>
T valueOf(const std::pair<std::string_view, T> (&table)[N], const std::string &wanted) {
  for (const auto &[name, value] : table)
    if (name == wanted)
      return value;
  return {};
}

/// `name=value`, split; empty where there is no `=` or no name.
std::optional<std::pair<std::string, std::string>> splitSetting(const std::string &text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos)
    return std::nullopt;
  return std::pair{text.substr(0, equals), text.substr(equals + 1)};
}

} // namespace

std::variant<Options, int> parseOptions(int argc, char **argv) {
  Options options;
  std::vector<std::string> settings;
  std::string emit, batch, engine = "interpreter", format = "text";
  bool check = false; // what happens without --emit and --run anyway

  CLI::App app{"Checks, runs and compiles objectives for preference optimisation (.dpo files)."};
  app.name("discoc");
  app.footer(kFooter);
  app.set_version_flag("--version", "discoc " DISCO_VERSION);
  app.add_option("FILE", options.file,
                 "the objective: a path, `-` for standard input, or a name found in the -I folders "
                 "or among the shipped objectives")
      ->type_name("")
      ->required();
  CLI::Option *emitOption = app.add_option("--emit", emit, "print one stage of the compilation")
                                ->type_name("STAGE")
                                ->check(CLI::IsMember(namesOf(kStages)));
  CLI::Option *runOption =
      app.add_option("--run", batch,
                     "evaluate on a batch: columns of numbers as JSON; `-` reads "
                     "standard input")
          ->type_name("BATCH.json");
  CLI::Option *checkOption = app.add_flag("--check", check, "only check (the default)");
  emitOption->excludes(runOption)->excludes(checkOption);
  runOption->excludes(checkOption);
  app.add_option("--engine", engine,
                 "what --run uses: the interpreter (double, the default) or a "
                 "kernel compiled for this machine (host, float32)")
      ->type_name("ENGINE")
      ->check(CLI::IsMember(namesOf(kEngines)));
  app.add_option("-D", settings, "set a parameter (repeatable)")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string &text) {
        return splitSetting(text) ? "" : "`" + text + "` is not of the form NAME=VALUE";
      });
  app.add_option("-I", options.includes, "look for objectives given by name here (repeatable)")
      ->type_name("DIR")
      ->allow_extra_args(false);
  app.add_option("-o", options.output, "where the output goes; `-` is standard output")
      ->type_name("OUT");
  app.add_option("--gpu-arch", options.gpuArch, "GPU architecture for --emit=ptx, e.g. sm_90")
      ->type_name("ARCH")
      ->check([](const std::string &text) {
        const bool valid = text.size() > 3 && text.rfind("sm_", 0) == 0 &&
                           text.find_first_not_of("0123456789", 3) >= text.size() - 1;
        return valid ? "" : "`" + text + "` is not a GPU architecture such as sm_90";
      });
  app.add_option("--diagnostics-format", format, "how findings are written on standard error")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError &error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (*emitOption)
    options.emit = valueOf(kStages, emit);
  if (*runOption)
    options.batch = batch;
  for (const std::string &setting : settings)
    options.settings.push_back(*splitSetting(setting));
  options.engine = valueOf(kEngines, engine);
  options.jsonDiagnostics = format == "json";
  return options;
}

} // namespace disco::discoc
