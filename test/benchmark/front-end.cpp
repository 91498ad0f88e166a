// How fast the front end is, warm: microseconds of processor time, of all threads together, to
// parse, to check, to hash and to find the facts of each objective named on the command line, and
// to refuse deep texts of each shape. One JSON line per text and step.
#include "dsl/Dsl.h"
#include "dsl/Importer.h"
#include "dsl/Limits.h"
#include "dsl/Parser.h"
#include "dsl/facts/Facts.h"
#include "test/unit/dsl/Shapes.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>

using namespace disco;

namespace {

/// Median over 31 runs of the mean of some calls, in microseconds.
template <typename Call> double microseconds(Call call, int calls = 100) {
  std::vector<double> runs;
  for (int run = 0; run < 31; ++run) {
    const std::clock_t start = std::clock();
    for (int i = 0; i < calls; ++i)
      call();
    runs.push_back(1e6 * double(std::clock() - start) / CLOCKS_PER_SEC / calls);
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

/// Texts of a megabyte, and as long as is looked into.
void measureRefusals() {
  for (const dsl::Shape &shape : dsl::kShapes)
    for (const size_t bytes : {size_t(1'000'000), dsl::Limits::sourceBytes}) {
      const size_t level = std::strlen(shape.open) + std::strlen(shape.close);
      const Source source("deep.dpo", dsl::nest(shape, (bytes - 60) / level));
      const double value = microseconds(
          [&] {
            Diagnostics found;
            dsl::compileSource(source, found);
          },
          1);
      std::printf("{\"benchmark\": \"front-end\", \"text\": \"%s\", \"bytes\": %zu, "
                  "\"step\": \"refuse\", \"microseconds\": %.1f}\n",
                  shape.name, source.text().size(), value);
    }
}

} // namespace

int main(int count, char **arguments) {
  bool measured = count > 1;
  for (int i = 1; i < count; ++i)
    measured &= measure(arguments[i]);
  measureRefusals();
  return measured ? 0 : 1;
}
