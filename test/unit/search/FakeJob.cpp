// Plays `disco job` without training: search-fake-job MODE SPEC RESULT. A plausible result is
// computed from the spec alone: KL falls with the scale, reward saturates with KL, and how well an
// objective does is drawn from its text.
#include "trainer/Job.h"
#include "trainer/data/AtomicFile.h"
#include "trainer/data/Random.h"

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <thread>

#include <unistd.h>

using namespace disco;

namespace {

trainer::JobResult play(const trainer::JobSpec &spec) {
  double scale = 1;
  for (const auto &[name, value] : spec.parameters)
    if (name == "beta" || name == "margin_scale")
      scale = value;
  data::Random quality(data::fnv1a(spec.objective), "quality"),
      noise(spec.seed, "noise", data::fnv1a(spec.objective));
  trainer::JobResult result;
  result.status = trainer::JobResult::Status::Ok;
  double reach = 0.02 * std::exp(2 * quality.uniform());
  result.klPolicyReference = reach / std::pow(scale, 0.9);
  result.klReferencePolicy = 0.8 * result.klPolicyReference;
  double height = 0.3 + 0.15 * quality.uniform() + 0.005 * noise.normal();
  result.reward = 0.5 + height * (1 - std::exp(-8 * result.klPolicyReference));
  result.judge = result.reward - 0.01;
  result.steps = 10;
  if (quality.uniform() < 0.1)
    result.reward = std::numeric_limits<double>::quiet_NaN();
  return result;
}

} // namespace

int main(int argc, char **argv) {
  std::string mode = argv[1], specPath = argv[2], resultPath = argv[3];
  if (mode == "hang") { // as stubborn as a process can be
    std::signal(SIGTERM, SIG_IGN);
    for (int i = 0; i < 2; ++i)
      if (fork() == 0)
        break;
    std::printf("%d\n", getpid());
    std::fflush(stdout);
    while (true)
      pause();
  }
  if (mode == "crash")
    std::abort();
  if (mode == "memory") {
    constexpr size_t kStep = 16 << 20;
    for (int i = 0; i < 64; ++i)
      if (void *block = std::malloc(kStep); block)
        std::memset(block, 1, kStep);
      else
        return 9;
  }
  if (mode == "garbage") {
    (void)data::writeFileAtomically(resultPath, "{\"status\": \"ok\"}");
    return 0;
  }
  if (mode == "once") { // fails the first time it sees a spec
    std::string marker = specPath + ".seen";
    if (!data::readFile(marker)) {
      (void)data::writeFileAtomically(marker, "");
      return 5;
    }
  }
  if (mode == "environment")
    return std::getenv("OPENAI_API_KEY") ? 8 : std::getenv("DISCO_CACHE") ? 7 : 6;
  Result<std::string> text = data::readFile(specPath);
  Result<trainer::JobSpec> spec = trainer::jobSpecFromJson(*text);
  if (!spec) {
    std::fprintf(stderr, "%s\n", spec.error().message.c_str());
    return 1;
  }
  if (mode == "slow")
    std::this_thread::sleep_for(std::chrono::milliseconds(data::fnv1a(specPath) % 4));
  return data::writeFileAtomically(resultPath, trainer::toJson(play(*spec))) ? 0 : 1;
}
