// From the text of an objective to a kernel that can be called, in a compiler that is already warm:
// CPU time, median of 31, for each objective named on the command line; and from the checked
// program when the cache has its code (mapped and ready), median of 201. One JSON line each. The
// clock is the process' CPU time, all threads.
#include "compiler/service/Service.h"
#include "dsl/Dsl.h"

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
/// what is wrong.
double compileOnce(compiler::Compiler &compiler, const Source &source) {
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
  return cpuMilliseconds() - start;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
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
  return median(times);
}

} // namespace

int main(int argc, char **argv) {
  compiler::Compiler compiler;
  for (int i = 1; i < argc; ++i) {
    Result<Source> source = dsl::readSource(argv[i]);
    if (!source) {
      std::fprintf(stderr, "bench-compile: error: %s\n", source.error().message.c_str());
      return 1;
    }
    std::vector<double> times;
    for (int run = 0; run <= kRuns; ++run) {
      const double time = compileOnce(compiler, *source);
      if (time < 0)
        return 1;
      if (run > 0) // the first one warms the compiler
        times.push_back(time);
    }
    const double hit = hitMicroseconds(*source);
    if (hit < 0)
      return 1;
    std::sort(times.begin(), times.end());
    std::printf("{\"benchmark\": \"compile\", \"objective\": \"%s\", \"runs\": %d, "
                "\"cpu_ms_median\": %.2f, \"cpu_ms_min\": %.2f, \"cpu_ms_max\": %.2f, "
                "\"cache_hit_cpu_us_median\": %.1f}\n",
                argv[i], kRuns, times[kRuns / 2], times.front(), times.back(), hit);
  }
}
