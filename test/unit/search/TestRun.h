// What the tests of whole searches share: a folder that goes away, a task, settings, and the
// content of an archive.
#pragma once

#include "trainer/search/Run.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace disco::search {

/// A folder of its own for each test, removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  std::string operator/(const std::string &name) const { return path_ + "/" + name; }
  const std::string &path() const { return path_; }

private:
  std::string path_;
};

/// A small search over a task made in the folder, as YAML. `more` is appended.
std::string smallConfig(const TemporaryFolder &folder, int workers = 2,
                        const std::string &more = "");
/// The request for it, with fake jobs of this mode.
RunRequest fakeRequest(const TemporaryFolder &folder, const std::string &run,
                       const std::string &config, const std::string &mode = "ok");
Result<RunOutcome> runFake(const RunRequest &request);

/// Every row of the archive that does not depend on time or interruptions, in a fixed order.
std::string archiveContent(const std::string &run);

} // namespace disco::search
