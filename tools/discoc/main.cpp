// discoc: checks an objective, prints a stage of its compilation, or evaluates it on a batch.
#include "dsl/Ast.h"
#include "dsl/Dsl.h"
#include "dsl/Limits.h"
#include "dsl/Parser.h"
#include "tools/discoc/BatchJson.h"
#include "tools/discoc/Compiled.h"
#include "tools/discoc/Options.h"
#include "tools/discoc/Reporter.h"
#include "tools/discoc/TypedText.h"
#include "trainer/data/AtomicFile.h"

#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>
#include <iterator>

using namespace disco;
using namespace disco::discoc;

namespace {

// A larger batch is a mistake: this is 1000 times the largest that is tested.
constexpr uint64_t kBatchBytes = uint64_t{64} << 20;

/// At most `limit` bytes of standard input.
Result<std::string> readStandardInput(uint64_t limit) {
  std::string text(limit + 1, '\0');
  std::cin.read(text.data(), std::streamsize(text.size()));
  text.resize(size_t(std::cin.gcount()));
  if (text.size() > limit)
    return Error{"<stdin>: more than " + std::to_string(limit) + " bytes"};
  return text;
}

/// Where an objective given by name alone lies; the text itself where it looks like a path.
std::string resolved(const Options &options) {
  const std::string &file = options.file;
  std::error_code ignored;
  if (file.find_first_of("/.") != std::string::npos || std::filesystem::exists(file, ignored))
    return file;
  std::vector<std::string> folders = options.includes;
  folders.push_back(DISCO_OBJECTIVES);
  for (const std::string &folder : folders) {
    const std::filesystem::path path = std::filesystem::path(folder) / (file + ".dpo");
    if (std::filesystem::exists(path, ignored))
      return path.string();
  }
  return file;
}

Result<Source> readObjective(const Options &options) {
  if (options.file != "-")
    return dsl::readSource(resolved(options));
  Result<std::string> text = readStandardInput(dsl::Limits::sourceBytes);
  if (!text)
    return text.error();
  return Source("<stdin>", std::move(*text));
}

Result<void> write(const std::string &path, const std::string &text) {
  if (path != "-")
    return data::writeFileAtomically(path, text);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return Error{"cannot write to standard output"};
  return {};
}

Result<std::string> runBatch(const dsl::Program &program, const std::vector<double> &parameters,
                             const Options &options) {
  const std::string name = *options.batch == "-" ? "<stdin>" : *options.batch;
  Result<std::string> text = *options.batch == "-" ? readStandardInput(kBatchBytes)
                                                   : data::readFile(*options.batch, kBatchBytes);
  if (!text)
    return text.error();
  std::vector<dsl::NodeId> results{program.loss, program.chosenReward, program.rejectedReward};
  for (const dsl::Metric &metric : program.metrics)
    results.push_back(metric.value);
  std::vector<dsl::Input> required;
  for (dsl::Input input : program.inputsOf(results))
    if (dsl::inputExtent(input) == dsl::Extent::Pair)
      required.push_back(input);
  Result<BatchColumns> columns = readBatch(*text, required);
  if (!columns)
    return Error{name + ": " + columns.error().message};

  dsl::Evaluation evaluation;
  if (options.engine == Engine::Host) {
    Result<dsl::Evaluation> result = runOnHost(program, *columns, parameters);
    if (!result)
      return result.error();
    evaluation = std::move(*result);
  } else {
    dsl::Batch batch;
    batch.pairs = columns->pairs;
    for (size_t i = 0; i < dsl::kInputCount; ++i)
      batch.columns[i] = columns->columns[i];
    dsl::Interpreter(program).evaluate(batch, parameters, evaluation);
  }
  return evaluationJson(program, evaluation);
}

Result<std::string> outputOf(const dsl::Program &program, const std::vector<double> &parameters,
                             const Options &options) {
  if (options.batch)
    return runBatch(program, parameters, options);
  if (*options.emit == Emit::Typed)
    return typedText(program);
  return emitStage(program, *options.emit, options.gpuArch);
}

int run(const Options &options, Reporter &reporter) {
  const auto failed = [&](const Error &error) {
    reporter.report(error);
    return 1;
  };
  if (options.file == "-" && options.batch == "-")
    return failed({"the objective and the batch cannot both come from standard input"});
  Result<Source> source = readObjective(options);
  if (!source)
    return failed(source.error());
  Diagnostics diagnostics;
  if (options.emit == Emit::Ast) { // as written: also of what does not pass the checks
    std::optional<dsl::Ast> ast = dsl::parse(*source, diagnostics);
    reporter.report(*source, diagnostics);
    if (!ast)
      return 1;
    Result<void> written = write(options.output, dsl::printAst(*ast));
    return written ? 0 : failed(written.error());
  }
  std::optional<dsl::Program> program = dsl::compileSource(*source, diagnostics);
  reporter.report(*source, diagnostics);
  if (!program)
    return 1;
  Result<std::vector<double>> parameters = dsl::bindParameters(*program, options.settings);
  if (!parameters)
    return failed(parameters.error());
  if (!options.emit && !options.batch)
    return 0;
  Result<std::string> output = outputOf(*program, *parameters, options);
  if (!output)
    return failed(output.error());
  Result<void> written = write(options.output, *output);
  return written ? 0 : failed(written.error());
}

} // namespace

int main(int argc, char **argv) {
  try {
    std::variant<Options, int> parsed = parseOptions(argc, argv);
    if (const int *code = std::get_if<int>(&parsed))
      return *code;
    const Options &options = std::get<Options>(parsed);
    Reporter reporter(options.jsonDiagnostics);
    const int code = run(options, reporter);
    reporter.finish();
    return code;
  } catch (const std::exception &exception) {
    std::fprintf(stderr, "discoc: internal error: %s; please report it with the input\n",
                 exception.what());
    return 70;
  }
}
