// How many proposals a second one core takes through the whole front of the funnel: parse, check,
// hash, print, probe. The proposals are the grammar proposer's, made beforehand, in the mixture a
// search sees. One JSON line.
#include "trainer/search/Funnel.h"
#include "dsl/Dsl.h"
#include "trainer/search/GrammarProposer.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

using namespace disco;

namespace {

double processorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

} // namespace

int main(int argc, char **argv) {
  std::vector<search::Individual> population;
  for (int i = 1; i < argc; ++i) {
    Result<Source> source = dsl::readSource(argv[i]);
    Diagnostics found;
    std::optional<dsl::Program> program;
    if (source)
      program = dsl::compileSource(*source, found);
    if (!program) {
      std::fprintf(stderr, "%s: not an objective\n", argv[i]);
      return 1;
    }
    population.push_back({i, dsl::printProgram(*program), *program, 0});
  }
  if (population.empty()) {
    std::fprintf(stderr, "usage: bench-funnel OBJECTIVE.dpo...\n");
    return 2;
  }
  constexpr int kProposals = 3000, kRuns = 5;
  std::vector<std::string> texts;
  search::GrammarProposer proposer;
  for (int slot = 0; slot < kProposals; ++slot) {
    search::ProposalRequest request;
    request.seed = 1;
    request.generation = 1;
    request.slot = slot;
    request.population = population;
    texts.push_back(proposer.propose(request)->text);
  }
  std::vector<double> rates;
  size_t accepted = 0;
  for (int run = 0; run < kRuns; ++run) {
    search::Funnel funnel;
    double began = processorSeconds();
    accepted = 0;
    for (const std::string &text : texts)
      accepted += funnel.screen(text).verdict == search::Verdict::Accepted;
    rates.push_back(kProposals / (processorSeconds() - began));
  }
  std::sort(rates.begin(), rates.end());
  std::printf("{\"benchmark\": \"funnel\", \"unit\": \"programs per CPU second\", \"median\": "
              "%.0f, \"proposals\": %d, "
              "\"accepted\": %zu, \"target\": 3000}\n",
              rates[kRuns / 2], kProposals, accepted);
  return 0;
}
