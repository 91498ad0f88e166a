// `disco report`: writes the report of a search beside its archive.
#include "trainer/search/Report.h"
#include "tools/disco/Command.h"

#include <cstdio>
#include <memory>

namespace disco::tools {

void addReport(CLI::App &app) {
  auto folder = std::make_shared<std::string>();
  CLI::App *command =
      app.add_subcommand("report", "Write report.html, leaderboard.csv and figure.svg of a search");
  command->add_option("run", *folder, "Folder of the run")->required();
  command->callback([folder] {
    Result<std::vector<std::string>> paths = search::writeReport(*folder);
    if (!paths)
      return fail(paths.error());
    for (const std::string &path : *paths)
      std::printf("%s\n", path.c_str());
  });
}

} // namespace disco::tools
