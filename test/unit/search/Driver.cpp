// A whole search in a process of its own, to be killed: search-driver CONFIG FOLDER FAKE_JOB MODE
// [--resume].
#include "trainer/data/AtomicFile.h"
#include "trainer/search/Run.h"

#include <cstdio>
#include <cstring>

using namespace disco;

int main(int argc, char **argv) {
  std::atomic<bool> stop{false};
  search::RunRequest request;
  request.configText = *data::readFile(argv[1]);
  request.configPlace = argv[1];
  request.folder = argv[2];
  request.jobCommand = {argv[3], argv[4]};
  request.resume = argc > 5;
  request.checkTrain = [](const std::string &) { return Result<void>(); };
  request.observer = [](const search::Progress &) {};
  Result<search::RunOutcome> outcome = search::runSearch(request, stop);
  if (!outcome) {
    std::fprintf(stderr, "%s\n", outcome.error().message.c_str());
    return 1;
  }
  std::printf("%lld\n", static_cast<long long>(outcome->trainings));
  return 0;
}
