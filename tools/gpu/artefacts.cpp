// Makes the lane's artefacts from objective files: PTX, manifests, batches, and expected values of
// the interpreter with their error bounds. Runs where the compiler is; what it writes needs nothing
// of ours to be read.
#include "tools/gpu/Artefacts.h"
#include "compiler/Compiler.h"
#include "dsl/Dsl.h"
#include "runtime/Manifest.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>

using namespace disco;

namespace {
constexpr size_t kSizes[] = {1, 2, 3, 7, 64, 1000, 8192};
constexpr size_t kPolicyIsReference[] = {1, 2, 64};

int fail(const std::string &message) {
  std::fprintf(stderr, "disco-gpu-artefacts: error: %s\n", message.c_str());
  return 1;
}

std::string row(dsl::Input input) { return std::string(dsl::inputName(input)); }

/// Reference log-probabilities of completions of 5 to 100 tokens, a policy that drifted from them
/// by `drift`, in float32.
gpu::Rows drifted(size_t pairs, float drift) {
  std::mt19937 random(static_cast<unsigned>(pairs));
  std::normal_distribution<float> perToken(-2.5f, 0.4f), moved(0, 1);
  std::uniform_int_distribution<int> length(5, 100);
  gpu::Rows rows;
  for (size_t i = 0; i < pairs; ++i) {
    const auto side = [&](dsl::Input policy, dsl::Input reference, dsl::Input count) {
      const auto tokens = float(length(random));
      const float logp = perToken(random) * tokens;
      rows[row(count)].push_back(tokens);
      rows[row(reference)].push_back(logp);
      rows[row(policy)].push_back(drift == 0 ? logp : logp + drift * moved(random));
    };
    side(dsl::Input::policy_chosen_logps, dsl::Input::reference_chosen_logps,
         dsl::Input::chosen_length);
    side(dsl::Input::policy_rejected_logps, dsl::Input::reference_rejected_logps,
         dsl::Input::rejected_length);
  }
  return rows;
}

/// Margins -100 to 100 in steps of 1, all from the chosen side.
gpu::Rows sweep() {
  gpu::Rows rows = drifted(201, 0);
  for (size_t i = 0; i < 201; ++i)
    rows[row(dsl::Input::policy_chosen_logps)][i] =
        float(rows[row(dsl::Input::reference_chosen_logps)][i] + float(i) - 100);
  return rows;
}

/// Every batch has all data columns that an objective reads: weights from 1/4 to 1.
gpu::Sections batches(const std::set<std::string> &columns) {
  gpu::Sections sections;
  for (size_t pairs : kSizes)
    sections.emplace_back("random-" + std::to_string(pairs), drifted(pairs, 8));
  for (size_t pairs : kPolicyIsReference)
    sections.emplace_back("policy-is-reference-" + std::to_string(pairs), drifted(pairs, 0));
  sections.emplace_back("margins-to-100", sweep());
  std::mt19937 random(1);
  std::uniform_real_distribution<float> weight(0.25f, 1);
  for (auto &[name, rows] : sections)
    for (const std::string &column : columns)
      for (size_t pair = rows[row(dsl::Input::policy_chosen_logps)].size(); pair-- > 0;)
        rows[column].push_back(weight(random));
  return sections;
}

/// Value and bound of one node of the program: those of a loss that is this node.
struct Bounded {
  dsl::Evaluation value;
  dsl::ErrorBounds bounds;
};
Bounded evaluate(dsl::Program program, dsl::NodeId node, const gpu::Rows &rows) {
  program.loss = node;
  dsl::Batch batch;
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    if (auto found = rows.find(row(dsl::Input(i))); found != rows.end()) {
      batch.columns[i] = found->second;
      batch.pairs = found->second.size();
    }
  std::vector<std::span<const double>> dataColumns;
  for (const dsl::Column &column : program.columns)
    dataColumns.push_back(rows.at(column.name));
  batch.dataColumns = dataColumns;
  Bounded result;
  dsl::Interpreter(program).evaluateWithBounds(batch, program.defaultParameters(), result.value,
                                               result.bounds);
  return result;
}

gpu::Rows expectedRows(const dsl::Program &program, const runtime::Signature &signature,
                       const gpu::Rows &batch) {
  gpu::Rows rows;
  auto put = [&](const std::string &name, const std::vector<double> &values,
                 const std::vector<double> &bounds) {
    rows[name] = values;
    rows[gpu::boundRow(name)] = bounds;
  };
  const Bounded loss = evaluate(program, program.loss, batch);
  put(gpu::kLoss, {loss.value.loss}, {loss.bounds.loss});
  put(gpu::kLosses, loss.value.losses, loss.bounds.losses);
  for (const std::string &name : signature.gradients) {
    const auto input = size_t(*dsl::inputByName(name));
    put(gpu::gradientRow(name), loss.value.gradients[input], loss.bounds.gradients[input]);
  }
  const Bounded chosen = evaluate(program, program.chosenReward, batch);
  put(gpu::kChosenRewards, chosen.value.losses, chosen.bounds.losses);
  const Bounded rejected = evaluate(program, program.rejectedReward, batch);
  put(gpu::kRejectedRewards, rejected.value.losses, rejected.bounds.losses);
  for (const dsl::Metric &metric : program.metrics) {
    const Bounded mean = evaluate(program, metric.value, batch);
    put(gpu::metricRow(metric.name), {mean.value.loss}, {mean.bounds.loss});
  }
  return rows;
}

Result<void> writeText(const std::filesystem::path &path, const std::string &text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file)
    return Error{path.string() + ": cannot be written"};
  return {};
}

Result<dsl::Program> readProgram(const std::string &path) {
  Result<Source> source = dsl::readSource(path);
  if (!source)
    return source.error();
  Diagnostics found;
  std::optional<dsl::Program> program = dsl::compileSource(*source, found);
  if (!program)
    return Error{path + " is not an objective:\n" + renderDiagnostics(*source, found.sorted())};
  return std::move(*program);
}

Result<void> writeObjective(compiler::Compiler &compiler, const dsl::Program &program,
                            const gpu::Sections &batches, const std::filesystem::path &folder,
                            const std::string &architecture) {
  // The signature is the same for every target.
  Result<runtime::HostKernel> host = compiler.compileHost(program);
  if (!host)
    return Error{program.name + ": " + host.error().message};
  Result<std::string> ptx = compiler.emit(program, compiler::Stage::Ptx, {.gpuArch = architecture});
  if (!ptx)
    return Error{program.name + ": " + ptx.error().message};

  gpu::Sections expected;
  for (const auto &[name, rows] : batches)
    expected.emplace_back(name, expectedRows(program, host->signature, rows));
  const std::filesystem::path base = folder / program.name;
  if (Result<void> done = writeText(base.string() + ".ptx", *ptx); !done)
    return done;
  if (Result<void> done =
          writeText(base.string() + ".json", runtime::writeManifest(host->signature));
      !done)
    return done;
  return gpu::writeNumbers(base.string() + ".txt", expected);
}
} // namespace

int main(int argc, char **argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: disco-gpu-artefacts ARCHITECTURE FOLDER FILE.dpo...\n");
    return 2;
  }
  const std::filesystem::path folder = argv[2];
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    return fail(folder.string() + ": " + failed.message());
  std::vector<dsl::Program> programs;
  std::set<std::string> columns;
  for (int i = 3; i < argc; ++i) {
    Result<dsl::Program> program = readProgram(argv[i]);
    if (!program)
      return fail(program.error().message);
    if (!compiler::compilesForGpu(*program)) {
      std::printf("%s: left out, kernels for GPUs lack what it does\n", program->name.c_str());
      continue;
    }
    for (const dsl::Column &column : program->columns)
      columns.insert(column.name);
    programs.push_back(std::move(*program));
  }
  const gpu::Sections sections = batches(columns);
  if (Result<void> done = gpu::writeNumbers((folder / "batches.txt").string(), sections); !done)
    return fail(done.error().message);
  compiler::Compiler compiler;
  for (const dsl::Program &program : programs)
    if (Result<void> done = writeObjective(compiler, program, sections, folder, argv[1]); !done)
      return fail(done.error().message);
}
