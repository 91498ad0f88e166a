// Checks the text, binds parameters, and makes an engine for the result.
#include "tools/disco/ObjectiveFactory.h"

#ifdef DISCO_WITH_COMPILER
#include "compiler/Compiler.h"
#endif

namespace disco::tools {

const char *defaultEngine() {
#ifdef DISCO_WITH_COMPILER
  return "host";
#else
  return "interpreter";
#endif
}

Result<std::unique_ptr<trainer::Objective>>
makeObjective(const Source &source,
              const std::vector<std::pair<std::string, std::string>> &settings,
              const std::string &engine) {
  Diagnostics found;
  std::optional<dsl::Program> program = dsl::compileSource(source, found);
  if (!program)
    return Error{source.name() + " is not an objective:\n" +
                 renderDiagnostics(source, found.sorted())};
  auto parameters = dsl::bindParameters(*program, settings);
  if (!parameters)
    return parameters.error();
  if (engine == "interpreter")
    return trainer::interpretedObjective(std::move(*program), std::move(*parameters));
  if (engine != "host")
    return Error{"unknown engine `" + engine + "`; known are host and interpreter"};
#ifdef DISCO_WITH_COMPILER
  compiler::Compiler compiler;
  auto kernel = compiler.compileHost(*program);
  if (!kernel)
    return kernel.error();
  return trainer::compiledObjective(std::move(*program), std::move(*kernel),
                                    std::move(*parameters));
#else
  return Error{"this build has no compiler; use `--engine=interpreter`"};
#endif
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
