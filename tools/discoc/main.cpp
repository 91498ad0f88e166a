// discoc: checks an objective and does one thing with it, such as printing a stage of its
// compilation, evaluating it on a batch, repairing its text or laying it out.
#include "dsl/Ast.h"
#include "dsl/Dsl.h"
#include "dsl/Format.h"
#include "dsl/Limits.h"
#include "dsl/Parser.h"
#include "dsl/Repair.h"
#include "dsl/facts/FixIts.h"
#include "tools/discoc/BatchJson.h"
#include "tools/discoc/Compiled.h"
#include "tools/discoc/FactsJson.h"
#include "tools/discoc/Guard.h"
#include "tools/discoc/Options.h"
#include "tools/discoc/Reporter.h"
#include "tools/discoc/TypedText.h"
#include "trainer/data/AtomicFile.h"

#include <cstdio>
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
  if (options.file != "-") {
    const std::string path = resolved(options);
    std::error_code ignored;
    if (path.find_first_of("/.") == std::string::npos && !std::filesystem::exists(path, ignored))
      return Error{"`" + path +
                   "` is no file here, and no objective of that name is in the -I "
                   "folders or among the shipped ones"};
    return dsl::readSource(path);
  }
  // Like readSource, a byte more than an objective may have: the parser refuses it by place.
  std::string text(dsl::Limits::sourceBytes + 1, '\0');
  std::cin.read(text.data(), std::streamsize(text.size()));
  text.resize(size_t(std::cin.gcount()));
  return Source("<stdin>", std::move(text));
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
  const std::string name = options.batch == "-" ? "<stdin>" : options.batch;
  Result<std::string> text = options.batch == "-" ? readStandardInput(kBatchBytes)
                                                  : data::readFile(options.batch, kBatchBytes);
  if (!text)
    return text.error();
  Result<BatchColumns> columns = readBatch(*text, program, parameters);
  if (!columns)
    return Error{name + ": " + columns.error().message};

  std::vector<std::span<const double>> spans;
  const dsl::Batch batch = columns->batch(spans);
  dsl::Evaluation evaluation;
  if (options.engine == Engine::Host) {
    Result<dsl::Evaluation> result = runOnHost(program, batch, parameters, options);
    if (!result)
      return result.error();
    evaluation = std::move(*result);
  } else {
    dsl::Interpreter(program).evaluate(batch, parameters, evaluation);
  }
  return evaluationJson(program, *columns, evaluation);
}

Result<std::string> outputOf(const dsl::Program &program, const Source &source,
                             const std::vector<double> &parameters, const Options &options) {
  if (options.action == Action::Run)
    return runBatch(program, parameters, options);
  if (options.stage == Emit::Typed)
    return typedText(program);
  return emitStage(program, source, options);
}

/// Where --fix and --format write to: the file itself, unless -o says otherwise.
Result<std::string> rewrittenPath(const Options &options) {
  if (options.output || options.file == "-")
    return options.output.value_or("-");
  if (resolved(options) != options.file)
    return Error{"`" + options.file +
                 "` is the name of an objective; a file to rewrite is given by its path"};
  return options.file;
}

/// Writes unless the file holds the text already.
Result<void> rewrite(const Options &options, const Source &source, const std::string &text) {
  Result<std::string> path = rewrittenPath(options);
  if (!path)
    return path.error();
  if (*path == options.file && text == source.text() && *path != "-")
    return {};
  return write(*path, text);
}

Result<int> fix(const Options &options, const Source &source, Reporter &reporter) {
  const dsl::Repair repaired = dsl::repair(source, dsl::Library(options.includes));
  const bool whole = source.text().size() <= dsl::Limits::sourceBytes;
  if (Result<void> written = whole ? rewrite(options, source, repaired.text) : Result<void>();
      !written)
    return written.error();
  for (const AppliedEdit &edit : repaired.edits)
    reporter.report(source, edit);
  const Source after(source.name(), repaired.text);
  Diagnostics diagnostics(options.warnings);
  const bool valid =
      dsl::compileSource(after, diagnostics, dsl::Library(options.includes)).has_value();
  reporter.report(after, diagnostics);
  return valid ? 0 : 1;
}

Result<int> format(const Options &options, const Source &source, Reporter &reporter) {
  Diagnostics diagnostics(options.warnings);
  const std::optional<std::string> text = dsl::formatText(source, diagnostics);
  reporter.report(source, diagnostics);
  if (!text)
    return 1;
  if (options.dryRun && *text != source.text())
    return Error{source.name() + ": is not laid out as `discoc --format` does it"};
  if (options.dryRun)
    return 0;
  Result<void> written = rewrite(options, source, *text);
  return written ? Result<int>(0) : written.error();
}

/// Prints what can be derived, and warns of what should be known.
Result<int> facts(const Options &options, const Source &source, const dsl::Program &program,
                  const std::vector<double> &parameters, Reporter &reporter) {
  const dsl::facts::Facts found = dsl::facts::factsOf(program, parameters);
  const auto compile = [&](const Source &changed) {
    Diagnostics ignored;
    return dsl::compileSource(changed, ignored, dsl::Library(options.includes));
  };
  Diagnostics diagnostics(options.warnings);
  dsl::facts::warnNotFinite(source, program, parameters, found, compile, diagnostics);
  reporter.report(source, diagnostics);
  Result<void> written = write(options.output.value_or("-"), factsJson(program, found));
  if (!written)
    return written.error();
  return diagnostics.hasErrors() ? 1 : 0;
}

/// The action on a source that was read. The exit code, or why there is no result.
Result<int> act(const Options &options, const Source &source, Reporter &reporter) {
  if (options.action == Action::Fix)
    return fix(options, source, reporter);
  if (options.action == Action::Format)
    return format(options, source, reporter);
  Diagnostics diagnostics(options.warnings);
  if (options.action == Action::Emit && options.stage == Emit::Ast) {
    // As written: also of what does not pass the checks.
    std::optional<dsl::Ast> ast = dsl::parse(source, diagnostics);
    reporter.report(source, diagnostics);
    if (!ast)
      return 1;
    Result<void> written = write(options.output.value_or("-"), dsl::printAst(*ast));
    return written ? Result<int>(0) : written.error();
  }
  std::optional<dsl::Program> program =
      dsl::compileSource(source, diagnostics, dsl::Library(options.includes));
  reporter.report(source, diagnostics);
  if (!program)
    return 1;
  Result<std::vector<double>> parameters = dsl::bindParameters(*program, options.settings);
  if (!parameters)
    return parameters.error();
  if (options.action == Action::Facts)
    return facts(options, source, *program, *parameters, reporter);
  if (options.action == Action::Check)
    return 0;
  if (options.action == Action::Emit && options.stage >= Emit::Object) {
    Result<void> written = emitFiles(*program, options);
    return written ? Result<int>(0) : written.error();
  }
  Result<std::string> output = outputOf(*program, source, *parameters, options);
  if (!output)
    return output.error();
  Result<void> written = write(options.output.value_or("-"), *output);
  return written ? Result<int>(0) : written.error();
}

int run(const Options &options) {
  Reporter reporter(options.jsonDiagnostics);
  const auto result = [&]() -> Result<int> {
    if (options.file == "-" && options.action == Action::Run && options.batch == "-")
      return Error{"the objective and the batch cannot both come from standard input"};
    Result<Source> source = readObjective(options);
    return source ? act(options, *source, reporter) : source.error();
  }();
  if (!result)
    reporter.report(result.error());
  reporter.finish();
  return result ? *result : 1;
}

} // namespace

int main(int argc, char **argv) {
  return guarded("discoc", [&] {
    std::variant<Options, int> parsed = parseOptions(argc, argv);
    const int *code = std::get_if<int>(&parsed);
    return code ? *code : run(std::get<Options>(parsed));
  });
}
