// See TestRun.h.
#include "TestRun.h"

#include "trainer/data/Task.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace disco::search {

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "disco-search-XXXXXX").string();
  path_ = mkdtemp(pattern.data());
}

TemporaryFolder::~TemporaryFolder() { std::filesystem::remove_all(path_); }

std::string smallConfig(const TemporaryFolder &folder, int workers, const std::string &more) {
  data::Task task;
  task.paths.directory = folder / "task";
  task.name = "fake";
  task.version = 1;
  task.hash = "0123";
  task.promptTokens = task.completionTokens = 8;
  task.pairs = 1;
  std::filesystem::create_directories(task.paths.directory);
  EXPECT_TRUE(data::saveTask(task));
  return "task: " + task.paths.directory +
         "\nobjectives: " OBJECTIVES "\nworkers: " + std::to_string(workers) +
         "\nseeds: [cdpo, simpo, cell]\nseed: 3\ngenerations: 2\noffspring: 5\npopulation: "
         "6\nfinalists: 2\nfinal_seeds: 2\n"
         "target_kl: 0.1\nshort_trainings: 4\ndeadline_s: 20\ntrain: {max_steps: 4, learning_rate: "
         "1e-3}\n"
         "short: {max_steps: 2}\n" +
         more;
}

RunRequest fakeRequest(const TemporaryFolder &folder, const std::string &run,
                       const std::string &config, const std::string &mode) {
  RunRequest request;
  request.configText = config;
  request.configPlace = "search.yaml";
  request.folder = folder / run;
  request.jobCommand = {FAKE_JOB, mode};
  request.checkTrain = [](const std::string &) { return Result<void>(); };
  request.observer = [](const Progress &) {};
  return request;
}

Result<RunOutcome> runFake(const RunRequest &request) {
  std::atomic<bool> stop{false};
  return runSearch(request, stop);
}

std::string archiveContent(const std::string &run) {
  SQLite::Database database(run + "/archive.sqlite", SQLite::OPEN_READONLY, 10000);
  std::string content;
  for (const char *query :
       {"SELECT * FROM settings WHERE name != 'config' ORDER BY name",
        "SELECT * FROM candidates ORDER BY id", "SELECT key, state, spec FROM jobs ORDER BY key",
        "SELECT * FROM results ORDER BY key",
        "SELECT * FROM scores ORDER BY candidate, stage, seed",
        "SELECT * FROM trainings ORDER BY candidate, stage, seed, scale"}) {
    SQLite::Statement rows(database, query);
    while (rows.executeStep()) {
      for (int i = 0; i < rows.getColumnCount(); ++i)
        content += rows.getColumn(i).getString() + "|";
      content += "\n";
    }
  }
  return content;
}

} // namespace disco::search
