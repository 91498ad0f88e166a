// See Funnel.h.
#include "trainer/search/Funnel.h"

#include "dsl/Dsl.h"
#include "trainer/search/Scale.h"
#include "trainer/search/Text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace disco::search {
namespace {

constexpr size_t kReasonLimit = 400;
/// Inside every published range of beta; the value itself does not matter.
constexpr double kHashedBeta = 0.1;
/// The largest log-probability that is probed, in nats.
constexpr double kNearCertain = -0.01;

/// Rows of log-probabilities and lengths, by column.
class ProbeRows {
public:
  void add(double chosenRatio, double rejectedRatio, double length) {
    // Nats; a small model spends about two on a token. No completion is more than certain.
    const double chosen = -2 * length, rejected = -2 * (length + 3);
    std::array<double, 6> row{std::min(kNearCertain, chosen + chosenRatio),
                              std::min(kNearCertain, rejected + rejectedRatio),
                              chosen,
                              rejected,
                              length,
                              length + 3};
    for (size_t i = 0; i < row.size(); ++i)
      columns_[i].push_back(row[i]);
  }
  size_t size() const { return columns_[0].size(); }
  dsl::Batch batch(size_t begin, size_t count) const {
    dsl::Batch batch;
    batch.pairs = count;
    for (size_t i = 0; i < columns_.size(); ++i)
      batch.columns[i] = std::span(columns_[i]).subspan(begin, count);
    return batch;
  }

private:
  std::array<std::vector<double>, 6> columns_; // the pair inputs, in the order of Inputs.def
};

const ProbeRows &driftedRows() {
  static const ProbeRows rows = [] {
    constexpr double kRatios[] = {0, 0.01, -0.01, 1, -1, 10, -10, 100, -100};
    constexpr double kLengths[] = {1, 8, 60, 400};
    ProbeRows made;
    for (double chosen : kRatios)
      for (double rejected : kRatios)
        made.add(chosen, rejected, kLengths[made.size() % std::size(kLengths)]);
    return made;
  }();
  return rows;
}

const ProbeRows &startRows() {
  static const ProbeRows rows = [] {
    ProbeRows made;
    for (double length : {1.0, 8.0, 60.0, 400.0})
      made.add(0, 0, length);
    return made;
  }();
  return rows;
}

std::string place(const dsl::Batch &batch, size_t row) {
  double chosen = batch.columns[0][row] - batch.columns[2][row];
  double rejected = batch.columns[1][row] - batch.columns[3][row];
  char text[96];
  std::snprintf(text, sizeof text, "at log-ratios %.3g and %.3g, %zu in the batch", chosen,
                rejected, batch.pairs);
  return text;
}

/// Empty when loss and gradients are finite. `moves` is set when a gradient is not 0.
std::string evaluateFinite(dsl::Interpreter &interpreter, const dsl::Batch &batch,
                           std::span<const double> parameters, dsl::Evaluation &out, bool &moves) {
  interpreter.evaluate(batch, parameters, out, dsl::Precision::Float32, {true, false});
  for (size_t input = 0; input < 2; ++input)
    for (size_t row = 0; row < out.gradients[input].size(); ++row) {
      if (!std::isfinite(out.gradients[input][row]))
        return "gradient is not finite " + place(batch, row);
      moves |= out.gradients[input][row] != 0;
    }
  if (!std::isfinite(out.loss))
    return "loss is not finite " + (batch.pairs == 1 ? place(batch, 0) : "over the probes");
  return "";
}

} // namespace

std::string_view verdictName(Verdict verdict) {
  constexpr std::string_view kNames[] = {"accepted",   "no_answer",   "invalid", "duplicate",
                                         "non_finite", "no_gradient", "no_scale"};
  return kNames[static_cast<size_t>(verdict)];
}

std::string candidateHash(const dsl::Program &program) {
  std::vector<double> parameters = program.defaultParameters();
  if (auto beta = program.parameterIndex("beta");
      beta && program.parameters[*beta].contains(kHashedBeta))
    parameters[*beta] = kHashedBeta;
  return dsl::hash(program, parameters);
}

Verdict probe(const dsl::Program &program, std::string &reason) {
  dsl::Interpreter interpreter(program);
  dsl::Evaluation out;
  std::vector<double> parameters = program.defaultParameters();
  const ProbeRows &start = startRows(), &drifted = driftedRows();
  bool startMoves = false, moves = false;
  auto failed = [&](const ProbeRows &rows, size_t begin, size_t count, bool &moved) {
    reason = evaluateFinite(interpreter, rows.batch(begin, count), parameters, out, moved);
    return !reason.empty();
  };
  // Alone a pair has no batch to hide in: one at a time at step 0, where every training starts,
  // then a few that drifted.
  for (size_t row = 0; row < start.size(); ++row)
    if (failed(start, row, 1, startMoves))
      return Verdict::NonFinite;
  if (failed(start, 0, 2, startMoves) || failed(start, 0, start.size(), startMoves))
    return Verdict::NonFinite;
  if (!startMoves) {
    reason = "the gradient is 0 wherever policy and reference agree, so training would never start";
    return Verdict::NoGradient;
  }
  if (failed(drifted, 0, drifted.size(), moves) || failed(drifted, 0, 1, moves) ||
      failed(drifted, drifted.size() - 2, 2, moves))
    return Verdict::NonFinite;
  return Verdict::Accepted;
}

Screened Funnel::screen(const std::string &text) {
  Screened result;
  Source source("<proposal>", text);
  Diagnostics diagnostics;
  result.program = dsl::compileSource(source, diagnostics);
  if (!result.program) {
    for (const Diagnostic &diagnostic : diagnostics.sorted()) {
      if (diagnostic.severity != Severity::Error)
        continue;
      result.diagnosticIds.emplace_back(diagnosticId(diagnostic.kind));
      if (result.reason.empty())
        result.reason =
            oneLine(result.diagnosticIds.back() + ": " + diagnostic.message, kReasonLimit);
    }
    return result;
  }
  result.text = dsl::printProgram(*result.program);
  result.hash = candidateHash(*result.program);
  result.codeHash = dsl::codeHash(*result.program);
  if (known_.count(result.hash)) {
    result.verdict = Verdict::Duplicate;
    result.reason = "the same loss as an earlier candidate";
    return result;
  }
  result.verdict = probe(*result.program, result.reason);
  if (result.verdict == Verdict::Accepted && !scaledObjective(*result.program)) {
    result.verdict = Verdict::NoScale;
    result.reason = "the loss reads neither a positive `beta` nor a margin that could be scaled";
  }
  if (result.verdict == Verdict::Accepted)
    known_.insert(result.hash);
  return result;
}

} // namespace disco::search
