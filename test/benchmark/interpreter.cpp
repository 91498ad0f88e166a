// How many programs per second and core the interpreter can screen: constructing it, then loss and
// gradient on 65 points, for each shipped objective named on the command line. One JSON line per
// measurement; the parsed program is given.
#include "dsl/Dsl.h"
#include "test/unit/interpreter/RandomProgram.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

using namespace disco;
using Clock = std::chrono::steady_clock;

namespace {

constexpr size_t kPoints = 65;

/// Median programs per second over 31 runs of 200 programs.
double programsPerSecond(const dsl::Program &program, dsl::Precision precision) {
  const dsl::Step step = dsl::randomStep(1, kPoints, 10, program.columns.size());
  const dsl::Batch batch = step.batch();
  const std::vector<double> parameters = program.defaultParameters();
  dsl::Evaluation out;
  double checksum = 0;
  std::vector<double> rates;
  for (int run = 0; run < 31; ++run) {
    constexpr int kPrograms = 200;
    const auto start = Clock::now();
    for (int i = 0; i < kPrograms; ++i) {
      dsl::Interpreter interpreter(program);
      interpreter.evaluate(batch, parameters, out, precision,
                           {.gradients = true, .reports = false, .next = false});
      checksum += out.loss;
    }
    rates.push_back(kPrograms / std::chrono::duration<double>(Clock::now() - start).count());
  }
  std::nth_element(rates.begin(), rates.begin() + 15, rates.end());
  return checksum == checksum ? rates[15] : 0;
}

} // namespace

int main(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    Result<Source> source = dsl::readSource(argv[i]);
    if (!source) {
      std::fprintf(stderr, "%s\n", source.error().message.c_str());
      return 1;
    }
    Diagnostics found;
    std::optional<dsl::Program> program = dsl::compileSource(*source, found);
    if (!program) {
      std::fputs(renderDiagnostics(*source, found.sorted()).c_str(), stderr);
      return 1;
    }
    for (auto [name, precision] : {std::pair{"double", dsl::Precision::Double},
                                   std::pair{"float32", dsl::Precision::Float32}})
      std::printf("{\"benchmark\": \"interpreter\", \"objective\": \"%s\", \"precision\": \"%s\", "
                  "\"points\": %zu, \"nodes\": %zu, \"programs_per_second\": %.0f}\n",
                  program->name.c_str(), name, kPoints, program->nodes.size(),
                  programsPerSecond(*program, precision));
  }
}
