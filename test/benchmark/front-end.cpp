// How fast the front end is, warm: microseconds of one thread's wall time to parse, to check, to
// hash and to find the facts of each objective named on the command line. One JSON line per
// objective and step.
#include "dsl/Dsl.h"
#include "dsl/Importer.h"
#include "dsl/Parser.h"
#include "dsl/facts/Facts.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

using namespace disco;

namespace {

/// Median over 31 runs of the mean of some calls, in microseconds.
template <typename Call> double microseconds(Call call, int calls = 100) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> runs;
  for (int run = 0; run < 31; ++run) {
    const auto start = Clock::now();
    for (int i = 0; i < calls; ++i)
      call();
    runs.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count() / calls);
  }
  std::nth_element(runs.begin(), runs.begin() + 15, runs.end());
  return runs[15];
}

bool measure(const char *path) {
  const Result<Source> source = dsl::readSource(path);
  if (!source) {
    std::fprintf(stderr, "error: %s\n", source.error().message.c_str());
    return false;
  }
  Diagnostics found;
  const std::optional<dsl::Ast> ast = dsl::parse(*source, found);
  const dsl::Library library;
  dsl::Importer importer(library);
  const std::optional<dsl::Program> program =
      ast ? dsl::check(*source, *ast, found, importer).program : std::nullopt;
  if (!program) {
    std::fputs(renderDiagnostics(*source, found.sorted()).c_str(), stderr);
    return false;
  }
  const std::vector<double> parameters = program->defaultParameters();
  const auto print = [&](const char *step, double value) {
    std::printf("{\"benchmark\": \"front-end\", \"objective\": \"%s\", \"step\": \"%s\", "
                "\"microseconds\": %.1f}\n",
                program->name.c_str(), step, value);
  };
  print("parse", microseconds([&] { dsl::parse(*source, found); }));
  print("check", microseconds([&] { dsl::check(*source, *ast, found, importer); }));
  print("hash", microseconds([&] { dsl::hash(*program, parameters); }));
  print("code_hash", microseconds([&] { dsl::codeHash(*program); }));
  print("facts", microseconds([&] { dsl::facts::factsOf(*program, parameters); }, 1));
  print("print", microseconds([&] { dsl::printProgram(*program); }));
  print("parse_check_hash", microseconds([&] {
          Diagnostics fresh;
          if (auto compiled = dsl::compileSource(*source, fresh))
            dsl::hash(*compiled, parameters);
        }));
  return true;
}

} // namespace

int main(int count, char **arguments) {
  bool measured = count > 1;
  for (int i = 1; i < count; ++i)
    measured &= measure(arguments[i]);
  return measured ? 0 : 1;
}
