#include "tools/discoc/Options.h"

#include "dsl/support/Printable.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string_view>

namespace disco::discoc {

namespace {

constexpr const char *kFooter = R"(
Examples:
  discoc lrml.dpo                                    # only findings
  discoc lrml.dpo --emit=llvm -o lrml.ll
  discoc lrml.dpo -D beta=0.1 --run=batch.json
  discoc lrml.dpo -o lrml.dpoc                       # compiled, for several kinds of CPU
  discoc lrml.dpo --emit=so -o lrml.so               # and lrml.h, for C
  discoc lrml.dpo --emit=asm --dtype=float64
  discoc draft.dpo --fix && discoc draft.dpo --format
with batch.json: {"policy_chosen_logps": [-10, -20], "policy_rejected_logps": [-12, -18],
                  "reference_chosen_logps": [-11, -19], "reference_rejected_logps": [-11, -19]}

Exit codes: 0 done, 1 an error that was explained, 2 wrong command line, 70 a bug of discoc.)";

constexpr const char *kActions = "Actions, one at a time";

constexpr std::pair<std::string_view, Emit> kStages[] = {
    {"ast", Emit::Ast},       {"typed", Emit::Typed}, {"obj", Emit::Obj},  {"grad", Emit::Grad},
    {"loops", Emit::Loops},   {"llvm", Emit::Llvm},   {"asm", Emit::Asm},  {"ptx", Emit::Ptx},
    {"object", Emit::Object}, {"so", Emit::So},       {"dpoc", Emit::Dpoc}};
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

/// The groups of -W, for its help and for its errors.
std::string groupList() {
  std::string text = "all";
  for (std::string_view group : warningGroups())
    text += ", " + std::string(group);
  return text;
}

/// What --explain prints; empty for an id that no finding has.
std::string explanation(std::string_view id) {
  for (DiagnosticKind kind : allDiagnosticKinds())
    if (diagnosticId(kind) == id) {
      const std::string_view group = diagnosticGroup(kind);
      return std::string(id) + (group.empty() ? ", an error: " : ", a warning of -W") +
             std::string(group) + (group.empty() ? "" : ": ") +
             std::string(diagnosticMeaning(kind)) + '\n';
    }
  return {};
}

int usageError(const std::string &message) {
  std::fprintf(stderr, "discoc: %s\nRun with --help for more information.\n",
               printable(message, true).c_str());
  return 2;
}

/// Whether the run compiles for CPUs; of one kind, or a file for all.
bool makesHostCode(const Options &options) {
  const bool isStage =
      options.action == Action::Emit && options.stage >= Emit::Loops && options.stage != Emit::Ptx;
  return isStage || (options.action == Action::Run && options.engine == Engine::Host);
}

} // namespace

std::variant<Options, int> parseOptions(int argc, char **argv) {
  Options options;
  std::vector<std::string> settings, warnings;
  std::string emit, explain, engine = "interpreter", format = "text";
  bool check = false, facts = false, fix = false,
       layOut = false; // a check happens whatever the action

  CLI::App app{"Checks, repairs, runs and compiles objectives for preference optimisation (.dpo "
               "files)."};
  app.name("discoc");
  app.get_formatter()->column_width(34);
  app.footer(kFooter);
  app.set_version_flag("--version", "discoc " DISCO_VERSION);
  app.add_option("FILE", options.file,
                 "the objective: a path, `-` for standard input, or a name found in the -I folders "
                 "or among the shipped objectives")
      ->type_name("");

  app.add_flag("--check", check, "only check (the default)")->group(kActions);
  CLI::Option *emitOption = app.add_option("--emit", emit,
                                           "print a stage of the compilation; object, so and dpoc "
                                           "write files (-o)")
                                ->group(kActions)
                                ->type_name("STAGE")
                                ->check(CLI::IsMember(namesOf(kStages)));
  CLI::Option *runOption =
      app.add_option("--run", options.batch,
                     "evaluate on a batch: columns of numbers as JSON; `-` reads standard input")
          ->group(kActions)
          ->type_name("BATCH.json");
  CLI::Option *factsOption =
      app.add_flag("--facts", facts, "print what can be derived about the objective, as JSON")
          ->group(kActions);
  CLI::Option *fixOption =
      app.add_flag("--fix", fix,
                   "make the safe edits that findings suggest, in the file; `-` to "
                   "standard output")
          ->group(kActions);
  CLI::Option *formatOption =
      app.add_flag("--format", layOut,
                   "lay the text out, in the file; `-` to standard output; with "
                   "--check only say whether it would change")
          ->group(kActions);
  CLI::Option *explainOption =
      app.add_option("--explain", explain, "say what a finding of this id means")
          ->group(kActions)
          ->type_name("ID");

  app.add_option("-D", settings, "set a parameter (repeatable)")
      ->group("Objective")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->check([](const std::string &text) {
        return splitSetting(text) ? "" : "`" + text + "` is not of the form NAME=VALUE";
      });
  app.add_option("-I", options.includes, "look for objectives given by name here (repeatable)")
      ->group("Objective")
      ->type_name("DIR")
      ->allow_extra_args(false);

  app.add_option("-W", warnings,
                 "-WGROUP reports warnings of the group, -Wno-GROUP does not, -Werror and "
                 "-Werror=GROUP make them errors; groups: " +
                     groupList())
      ->group("Findings")
      ->type_name("FLAG")
      ->allow_extra_args(false)
      ->check([](const std::string &flag) {
        return WarningPolicy().apply(flag)
                   ? ""
                   : "there are no warnings `" + flag + "`; there are " + groupList();
      });
  app.add_option("--diagnostics-format", format, "how they are written on standard error")
      ->group("Findings")
      ->type_name("FORMAT")
      ->check(CLI::IsMember({"text", "json"}));

  app.add_option("--engine", engine,
                 "what --run uses: the interpreter (double, the default) or a kernel compiled for "
                 "this machine (host; float32 unless --dtype says otherwise)")
      ->group("Output")
      ->type_name("ENGINE")
      ->check(CLI::IsMember(namesOf(kEngines)));
  app.add_option("--gpu-arch", options.gpuArch, "GPU architecture for --emit=ptx, e.g. sm_90")
      ->group("Output")
      ->type_name("ARCH")
      ->check([](const std::string &text) {
        const bool valid = text.size() > 3 && text.rfind("sm_", 0) == 0 &&
                           text.find_first_not_of("0123456789", 3) >= text.size() - 1;
        return valid ? "" : "`" + text + "` is not a GPU architecture such as sm_90";
      });
  CLI::Option *targetOption =
      app.add_option("--target", options.target,
                     "CPUs that loops, llvm, asm, object, so and --engine=host are for: portable "
                     "(any x86-64), avx2 or avx512; this machine's by default")
          ->group("Output")
          ->type_name("TARGET")
          ->check(CLI::IsMember({"portable", "avx2", "avx512"}));
  CLI::Option *dtypeOption =
      app.add_option("--dtype", options.dtype,
                     "what loops, llvm, asm, object, so, dpoc and --engine=host compute in, and "
                     "their arrays are of: float32, or float64 to check gradients")
          ->group("Output")
          ->type_name("DTYPE")
          ->check(CLI::IsMember({"float32", "float64"}))
          ->capture_default_str();
  app.add_flag("--in-process", options.inProcess,
               "compile in this process and not in a worker that an error inside LLVM may end")
      ->group("Output");
  app.add_flag(
         "--no-cache", options.noCache,
         "neither look for compiled code in the cache ($DISCO_CACHE, $XDG_CACHE_HOME/disco or "
         "~/.cache/disco) nor keep it there")
      ->group("Output");
  app.add_option("-o", options.output, "where the output goes; `-` is standard output")
      ->group("Output")
      ->type_name("OUT");

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &request) { // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError &error) {
    return usageError(error.what());
  }

  struct Choice {
    CLI::Option *option;
    Action action;
  };
  CLI::Option *chosen = nullptr;
  for (const auto &[option, action] :
       {Choice{emitOption, Action::Emit}, Choice{runOption, Action::Run},
        Choice{factsOption, Action::Facts}, Choice{fixOption, Action::Fix},
        Choice{formatOption, Action::Format}}) {
    if (!*option)
      continue;
    if (chosen)
      return usageError(option->get_name() + " and " + chosen->get_name() +
                        " are two actions; ask for one");
    chosen = option;
    options.action = action;
  }
  options.dryRun = check && formatOption->count() > 0;
  if (check && chosen && chosen != formatOption)
    return usageError("--check and " + chosen->get_name() + " are two actions; ask for one");
  if (*explainOption) {
    const std::string text = explanation(explain);
    if (text.empty())
      return usageError("no finding has the id `" + explain + "`");
    std::fputs(text.c_str(), stdout);
    return 0;
  }
  if (options.file.empty())
    return usageError("FILE is required");
  if (*emitOption)
    options.stage = valueOf(kStages, emit);
  else if (!chosen && !check && options.output && options.output->ends_with(".dpoc")) {
    options.action = Action::Emit;
    options.stage = Emit::Dpoc;
  }
  if (options.action == Action::Emit && options.stage >= Emit::Object &&
      (!options.output || *options.output == "-"))
    return usageError("--emit=" + emit + " writes a file; give it with -o");
  if ((options.stage == Emit::Object || options.stage == Emit::So) && options.output &&
      options.output->ends_with(".h"))
    return usageError("-o " + *options.output +
                      ": the C header is written beside the code under that name; choose another");
  if (options.action == Action::Check && options.output)
    return usageError("-o has nothing to write: name a stage with --emit, or a file that ends in "
                      ".dpoc");
  options.engine = valueOf(kEngines, engine);
  for (const CLI::Option *option : {targetOption, dtypeOption})
    if (*option && !makesHostCode(options))
      return usageError(option->get_name() +
                        " is about compiled code for CPUs: use it with --emit="
                        "loops, llvm, asm, object, so or dpoc, or with --run and --engine=host");
  if (*targetOption && options.action == Action::Emit && options.stage == Emit::Dpoc)
    return usageError("a .dpoc file has code for every --target; leave it out");
  for (const std::string &setting : settings)
    options.settings.push_back(*splitSetting(setting));
  for (const std::string &flag : warnings)
    options.warnings.apply(flag);
  options.jsonDiagnostics = format == "json";
  return options;
}

} // namespace disco::discoc
