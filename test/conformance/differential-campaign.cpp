// differential-campaign FIRST COUNT: the campaign of differential testing. Tries the seeds from
// FIRST, says now and then how far it is, and ends with status 1 if engines disagreed. A run that
// was stopped goes on from the seed that its last line names.
#include "test/conformance/Differential.h"
#include "test/conformance/Engines.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>

using namespace disco::conformance;

int main(int argc, char **argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: differential-campaign FIRST-SEED COUNT\n");
    return 2;
  }
  const uint64_t first = std::strtoull(argv[1], nullptr, 10),
                 end = first + std::strtoull(argv[2], nullptr, 10);
  size_t tried = 0, failed = 0;
  for (uint64_t seed = first; seed < end; ++seed) {
    const Trial trial = tryObjective(seed);
    tried += trial.tried;
    failed += !trial.failure.empty();
    if (!trial.failure.empty())
      std::printf("%s\n", trial.failure.c_str());
    if ((seed + 1 - first) % 500 == 0 || seed + 1 == end) {
      std::printf("next seed %llu: %zu objectives, %zu failed, %zu numbers compared, %zu of them "
                  "tightly, %.0f s of CPU time\n",
                  static_cast<unsigned long long>(seed + 1), tried, failed, tally().compared,
                  tally().informative, double(std::clock()) / CLOCKS_PER_SEC);
      std::fflush(stdout);
    }
  }
  return failed != 0;
}
