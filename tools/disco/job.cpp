// `disco job SPEC RESULT`: the child process in which the search trains. The result file is the
// only answer; it is written whenever the spec could be read, also for a training that failed.
#include "tools/disco/Command.h"
#include "tools/disco/ObjectiveFactory.h"
#include "trainer/RunJob.h"
#include "trainer/data/AtomicFile.h"

#include <memory>

namespace disco::tools {
namespace {

trainer::JobResult answer(const trainer::JobSpec &spec) {
  std::vector<std::pair<std::string, std::string>> settings;
  for (const auto &[name, value] : spec.parameters)
    settings.emplace_back(name, exactText(value));
  auto objective = makeObjective(Source("<job>", spec.objective), settings, spec.engine);
  if (!objective) {
    trainer::JobResult result;
    result.reason = objective.error().message.substr(0, objective.error().message.find('\n'));
    return result;
  }
  return trainer::runJob(spec, **objective);
}

} // namespace

void addJob(CLI::App &app) {
  auto paths = std::make_shared<std::pair<std::string, std::string>>();
  CLI::App *command =
      app.add_subcommand("job", "Run one training of a search (used by `disco evolve`)");
  command->add_option("spec", paths->first, "job as JSON")->required();
  command->add_option("result", paths->second, "where the result goes")->required();
  addCompilationFlags(*command);
  command->callback([paths] {
    auto text = data::readFile(paths->first, 1 << 20);
    if (!text)
      return fail(text.error());
    auto spec = trainer::jobSpecFromJson(*text);
    if (!spec)
      return fail(Error{paths->first + ": " + spec.error().message});
    if (auto ok = data::writeFileAtomically(paths->second, trainer::toJson(answer(*spec))); !ok)
      fail(ok.error());
  });
}

} // namespace disco::tools
