// Checks the text, binds parameters, and makes an engine for the result.
#include "tools/disco/ObjectiveFactory.h"

#ifdef DISCO_WITH_COMPILER
#include "compiler/Compiler.h"
#endif

#include <charconv>

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
  compiler::Compiler compiler;
  auto kernel = compiler.compileHost(program);
  if (!kernel)
    return kernel.error();
  return trainer::compiledObjective(std::move(program), std::move(*kernel), std::move(*parameters));
#else
  return Error{"this build has no compiler; use `--engine=interpreter`"};
#endif
}

} // namespace

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
