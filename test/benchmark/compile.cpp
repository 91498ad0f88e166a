// From the text of an objective to a kernel that can be called, in a compiler that is already warm:
// CPU time of 31 runs for each objective named on the command line; and from the checked program
// when the cache has its code (mapped and ready), median of 201. One JSON line each, and one of all
// runs together. The clock is the process' CPU time, all threads.
#include "compiler/service/Service.h"
#include "dsl/Dsl.h"
#include "test/benchmark/Gate.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <vector>

#include <stdlib.h>

using namespace disco;

namespace {

constexpr int kRuns = 31, kHits = 201;

double cpuMilliseconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return now.tv_sec * 1e3 + now.tv_nsec * 1e-6;
}

/// Parses, checks and compiles `source`; the time that took, or a negative number after printing
/// what is wrong. `gated` looks at the kernel first.
double compileOnce(compiler::Compiler &compiler, const Source &source, bool gated = false) {
  const double start = cpuMilliseconds();
  Diagnostics found;
  std::optional<dsl::Program> program = dsl::compileSource(source, found);
  if (!program) {
    std::fputs(renderDiagnostics(source, found.sorted()).c_str(), stderr);
    return -1;
  }
  Result<runtime::HostKernel> kernel = compiler.compileHost(*program);
  if (!kernel) {
    std::fprintf(stderr, "bench-compile: error: %s\n", kernel.error().message.c_str());
    return -1;
  }
  if (gated)
    benchmark::gate(*program, *kernel);
  return cpuMilliseconds() - start;
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  return values[size_t(q * double(values.size() - 1) + 0.5)];
}

/// Microseconds of a hit in a cache of its own; negative after printing what is wrong.
double hitMicroseconds(const Source &source) {
  Diagnostics found;
  const std::optional<dsl::Program> program = dsl::compileSource(source, found);
  char folder[] = "/tmp/bench-compile-XXXXXX";
  Result<compiler::Cache> cache = compiler::Cache::open(mkdtemp(folder));
  compiler::Service service({.cache = std::move(*cache)});
  std::vector<double> times;
  for (int run = 0; run <= kHits; ++run) {
    const double start = cpuMilliseconds();
    Result<runtime::KernelImage> image = service.compile(*program);
    Result<runtime::HostKernel> kernel = image ? runtime::load(*image) : image.error();
    if (!kernel) {
      std::fprintf(stderr, "bench-compile: error: %s\n", kernel.error().message.c_str());
      return -1;
    }
    if (run > 0) // the first one fills the cache
      times.push_back((cpuMilliseconds() - start) * 1e3);
  }
  std::filesystem::remove_all(folder);
  return quantile(times, 0.5);
}

} // namespace

int main(int argc, char **argv) {
  compiler::Compiler compiler;
  std::vector<double> all;
  for (int i = 1; i < argc; ++i) {
    Result<Source> source = dsl::readSource(argv[i]);
    if (!source) {
      std::fprintf(stderr, "bench-compile: error: %s\n", source.error().message.c_str());
      return 1;
    }
    std::vector<double> times;
    for (int run = 0; run <= kRuns; ++run) {
      const double time = compileOnce(compiler, *source, run == 0);
      if (time < 0)
        return 1;
      if (run > 0) // the first one warms the compiler
        times.push_back(time);
    }
    const double hit = hitMicroseconds(*source);
    if (hit < 0)
      return 1;
    all.insert(all.end(), times.begin(), times.end());
    std::printf("{\"benchmark\": \"compile\", \"objective\": \"%s\", \"runs\": %d, "
                "\"cpu_ms_median\": %.2f, \"cpu_ms_p95\": %.2f, "
                "\"cache_hit_cpu_us_median\": %.1f}\n",
                std::filesystem::path(argv[i]).stem().c_str(), kRuns, quantile(times, 0.5),
                quantile(times, 0.95), hit);
    std::fflush(stdout);
  }
  if (!all.empty())
    std::printf("{\"benchmark\": \"compile\", \"objective\": \"all\", \"runs\": %zu, "
                "\"cpu_ms_median\": %.2f, \"cpu_ms_p95\": %.2f}\n",
                all.size(), quantile(all, 0.5), quantile(all, 0.95));
}
