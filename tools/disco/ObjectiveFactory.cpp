// Checks the text, binds parameters, and makes an engine for the result.
#include "tools/disco/ObjectiveFactory.h"

#ifdef DISCO_WITH_COMPILER
#include "compiler/service/Service.h"
#endif

#include <charconv>
#include <memory>

namespace disco::tools {

const char *defaultEngine() {
#ifdef DISCO_WITH_COMPILER
  return "host";
#else
  return "interpreter";
#endif
}

namespace {

Result<dsl::Program> compile(const Source &source, const dsl::Library &library = dsl::Library(),
                             std::string *warnings = nullptr) {
  Diagnostics found;
  std::optional<dsl::Program> program = dsl::compileSource(source, found, library);
  const std::string rendered = renderDiagnostics(source, found.sorted());
  if (!program)
    return Error{source.name() + " is not an objective:\n" + rendered};
  if (warnings)
    *warnings = rendered;
  return std::move(*program);
}

#ifdef DISCO_WITH_COMPILER
Result<runtime::HostKernel> compileForHost(const dsl::Program &program) {
  auto options = compiler::usualService(hostCompilation().inProcess, hostCompilation().noCache);
  if (!options)
    return options.error();
  auto image = compiler::Service(std::move(*options)).compile(program);
  return image ? runtime::load(*image) : image.error();
}
#endif

Result<std::unique_ptr<trainer::Objective>>
withEngine(dsl::Program program, const std::vector<std::pair<std::string, std::string>> &settings,
           const std::string &engine) {
  auto parameters = dsl::bindParameters(program, settings);
  if (!parameters)
    return parameters.error();
  if (engine == "interpreter")
    return trainer::interpretedObjective(std::move(program), std::move(*parameters));
  if (engine != "host")
    return Error{"unknown engine `" + engine + "`; known are host and interpreter"};
#ifdef DISCO_WITH_COMPILER
  auto kernel = compileForHost(program);
  if (!kernel)
    return kernel.error();
  return trainer::compiledObjective(std::move(program), std::move(*kernel), std::move(*parameters));
#else
  return Error{"this build has no compiler; use `--engine=interpreter`"};
#endif
}

} // namespace

HostCompilation &hostCompilation() {
  static HostCompilation settings;
  return settings;
}

void addCompilationFlags(CLI::App &command) {
  command.add_flag("--in-process", hostCompilation().inProcess,
                   "compile in this process and not in a worker that an error inside LLVM may end");
  command.add_flag("--no-cache", hostCompilation().noCache,
                   "neither look for compiled code in the cache ($DISCO_CACHE, "
                   "$XDG_CACHE_HOME/disco or ~/.cache/disco) nor keep it there");
}

#ifdef DISCO_WITH_COMPILER
Result<std::function<void(const std::vector<std::string> &)>> compilerOfGenerations() {
  using Compile = std::function<void(const std::vector<std::string> &)>;
  if (hostCompilation().inProcess || hostCompilation().noCache)
    return Compile();
  auto options = compiler::usualService(false, false, /*workers=*/2);
  if (!options)
    return options.error();
  if (!options->cache)
    return Compile();
  auto service = std::make_shared<compiler::Service>(std::move(*options));
  service->start();
  return Compile([service](const std::vector<std::string> &texts) {
    std::vector<dsl::Program> programs;
    for (const std::string &text : texts)
      if (auto program = compile(Source("<candidate>", text)))
        programs.push_back(std::move(*program));
    (void)service->compileAll(programs); // an error is met again by the training that wants it
  });
}
#else
Result<std::function<void(const std::vector<std::string> &)>> compilerOfGenerations() {
  return std::function<void(const std::vector<std::string> &)>();
}
#endif

std::string exactText(double value) {
  char text[64];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

Result<std::unique_ptr<trainer::Objective>>
makeObjective(const Source &source,
              const std::vector<std::pair<std::string, std::string>> &settings,
              const std::string &engine, const dsl::Library &library, std::string *warnings) {
  auto program = compile(source, library, warnings);
  if (!program)
    return program.error();
  return withEngine(std::move(*program), settings, engine);
}

Result<std::unique_ptr<trainer::Objective>>
makeObjective(const Source &source, std::span<const double> parameters, const std::string &engine) {
  auto program = compile(source);
  if (!program)
    return program.error();
  if (program->parameters.size() != parameters.size())
    return Error{source.name() + ": " + std::to_string(parameters.size()) +
                 " parameters, but its objective has " +
                 std::to_string(program->parameters.size())};
  std::vector<std::pair<std::string, std::string>> settings;
  for (size_t i = 0; i < parameters.size(); ++i)
    settings.emplace_back(program->parameters[i].name, exactText(parameters[i]));
  return withEngine(std::move(*program), settings, engine);
}

Result<std::vector<std::pair<std::string, std::string>>>
parseSettings(const std::vector<std::string> &arguments) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (const std::string &argument : arguments) {
    size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error{"`-D " + argument + "`: expected name=value"};
    settings.emplace_back(argument.substr(0, equals), argument.substr(equals + 1));
  }
  return settings;
}

} // namespace disco::tools
