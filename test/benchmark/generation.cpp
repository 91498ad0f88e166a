// Generations of a search on two workers: proposals of the grammar proposer are screened (parsed,
// checked, probed) here and compiled by the workers, without a cache. A first generation, which is
// not timed, is held to the interpreter. One JSON line with the
// candidates a second, in wall time, and the resident memory of this process and of the workers
// after the first, the middle and the last generation.
//
//   bench-generation CANDIDATES OBJECTIVE.dpo...
#include "compiler/service/Service.h"
#include "dsl/Dsl.h"
#include "test/benchmark/Gate.h"
#include "trainer/search/Funnel.h"
#include "trainer/search/GrammarProposer.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

using namespace disco;

namespace {

constexpr size_t kGeneration = 100;

size_t residentKiB(const std::string &process) {
  std::ifstream file("/proc/" + process + "/statm");
  size_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * size_t(sysconf(_SC_PAGESIZE)) / 1024;
}

/// `{"own_kib": ..., "workers_kib": [...]}`
std::string memory() {
  std::string text =
      "{\"own_kib\": " + std::to_string(residentKiB("self")) + ", \"workers_kib\": [";
  std::ifstream children("/proc/self/task/" + std::to_string(getpid()) + "/children");
  bool first = true;
  for (std::string id; children >> id; first = false)
    text += (first ? "" : ", ") + std::to_string(residentKiB(id));
  return text + "]}";
}

/// What the proposals are made from; empty after printing what is wrong.
std::vector<search::Individual> populationOf(int count, char **paths) {
  std::vector<search::Individual> population;
  for (int i = 0; i < count; ++i) {
    Result<Source> source = dsl::readSource(paths[i]);
    Diagnostics found;
    std::optional<dsl::Program> program;
    if (source)
      program = dsl::compileSource(*source, found);
    if (!program) {
      std::fprintf(stderr, "%s: not an objective\n", paths[i]);
      return {};
    }
    population.push_back({i + 1, dsl::printProgram(*program), *program, 0});
  }
  return population;
}

} // namespace

int main(int argc, char **argv) {
  const size_t wanted = argc > 2 ? std::strtoull(argv[1], nullptr, 10) : 0;
  const std::vector<search::Individual> population = populationOf(argc - 2, argv + 2);
  if (wanted == 0 || population.empty()) {
    std::fprintf(stderr, "usage: bench-generation CANDIDATES OBJECTIVE.dpo...\n");
    return 2;
  }
  Result<compiler::ServiceOptions> options = compiler::usualService(false, /*noCache=*/true, 2);
  if (!options) {
    std::fprintf(stderr, "bench-generation: error: %s\n", options.error().message.c_str());
    return 1;
  }
  compiler::Service service(std::move(*options));
  service.start();
  search::GrammarProposer proposer;
  search::Funnel funnel;
  search::ProposalRequest request;
  request.seed = 1;
  request.population = population;
  size_t compiled = 0, failed = 0;
  std::string first, middle;
  const auto generation = [&](bool isGated) {
    std::vector<dsl::Program> programs;
    for (++request.generation, request.slot = 0; programs.size() < kGeneration; ++request.slot) {
      search::Screened screened = funnel.screen(proposer.propose(request)->text);
      if (screened.verdict == search::Verdict::Accepted)
        programs.push_back(std::move(*screened.program));
    }
    const std::vector<Result<runtime::KernelImage>> images = service.compileAll(programs);
    for (size_t i = 0; i < images.size(); ++i) {
      Result<runtime::HostKernel> kernel =
          images[i] ? runtime::load(*images[i]) : images[i].error();
      failed += !kernel;
      if (!kernel)
        std::fprintf(stderr, "bench-generation: %s\n", kernel.error().message.c_str());
      else if (isGated)
        benchmark::gate(programs[i], *kernel);
    }
    compiled += programs.size();
  };
  generation(true);
  compiled = 0;
  const auto began = std::chrono::steady_clock::now();
  while (compiled < wanted) {
    generation(false);
    if (first.empty())
      first = memory();
    if (middle.empty() && compiled >= wanted / 2)
      middle = memory();
  }
  for (const std::string &how : service.lostWorkers())
    std::fprintf(stderr, "bench-generation: a worker %s\n", how.c_str());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  std::printf("{\"benchmark\": \"generation\", \"candidates\": %zu, \"failed\": %zu, "
              "\"candidates_per_second\": %.1f, \"first\": %s, \"middle\": %s, \"last\": %s}\n",
              compiled, failed, double(compiled) / seconds.count(), first.c_str(), middle.c_str(),
              memory().c_str());
  return failed == 0 ? 0 : 1;
}
