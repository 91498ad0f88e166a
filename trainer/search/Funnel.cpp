// See Funnel.h.
#include "trainer/search/Funnel.h"

#include "dsl/Dsl.h"
#include "dsl/Repair.h"
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

/// A pair as far as it matters: log-ratios of its completions in nats, tokens of the chosen one.
struct Pair {
  double chosenRatio, rejectedRatio;
  size_t length;
};

/// A step of such pairs, with everything that the trainer can supply.
class Probe {
public:
  explicit Probe(std::span<const Pair> pairs) {
    for (const Pair &pair : pairs) {
      complete(chosen_, pair.chosenRatio, pair.length);
      complete(rejected_, pair.rejectedRatio, pair.length + 3);
    }
  }
  dsl::Batch batch() const {
    using dsl::Input;
    dsl::Batch batch;
    batch.pairs = chosen_.length.size();
    auto &columns = batch.columns;
    columns[size_t(Input::policy_chosen_logps)] = chosen_.policy;
    columns[size_t(Input::policy_rejected_logps)] = rejected_.policy;
    columns[size_t(Input::reference_chosen_logps)] = chosen_.reference;
    columns[size_t(Input::reference_rejected_logps)] = rejected_.reference;
    columns[size_t(Input::chosen_length)] = chosen_.length;
    columns[size_t(Input::rejected_length)] = rejected_.length;
    columns[size_t(Input::policy_chosen_token_logps)] = chosen_.tokenPolicy;
    columns[size_t(Input::policy_rejected_token_logps)] = rejected_.tokenPolicy;
    columns[size_t(Input::reference_chosen_token_logps)] = chosen_.tokenReference;
    columns[size_t(Input::reference_rejected_token_logps)] = rejected_.tokenReference;
    columns[size_t(Input::chosen_token_kl)] = chosen_.tokenDivergence;
    columns[size_t(Input::rejected_token_kl)] = rejected_.tokenDivergence;
    batch.chosenOffsets = chosen_.offsets;
    batch.rejectedOffsets = rejected_.offsets;
    return batch;
  }

private:
  struct Side {
    std::vector<double> policy, reference, length, tokenPolicy, tokenReference, tokenDivergence;
    std::vector<size_t> offsets = {0};
  };
  /// A small model spends about two nats on a token; no completion is more than certain.
  static void complete(Side &side, double ratio, size_t length) {
    const double tokens = double(length), reference = -2 * tokens;
    const double policy = std::min(kNearCertain, reference + ratio);
    side.policy.push_back(policy);
    side.reference.push_back(reference);
    side.length.push_back(tokens);
    side.offsets.push_back(side.offsets.back() + length);
    side.tokenPolicy.resize(side.offsets.back(), policy / tokens);
    side.tokenReference.resize(side.offsets.back(), reference / tokens);
    side.tokenDivergence.resize(side.offsets.back(), std::fabs(ratio) / tokens);
  }
  Side chosen_, rejected_;
};

/// Where every training starts, one pair at a time and together: alone a pair has no batch to hide
/// in.
const std::vector<Probe> &startProbes() {
  static const std::vector<Probe> probes = [] {
    const Pair pairs[] = {{0, 0, 1}, {0, 0, 8}, {0, 0, 60}, {0, 0, 400}};
    std::vector<Probe> made;
    for (const Pair &pair : pairs)
      made.emplace_back(std::span(&pair, 1));
    made.emplace_back(std::span(pairs, 2));
    made.emplace_back(pairs);
    return made;
  }();
  return probes;
}

const std::vector<Probe> &driftedProbes() {
  static const std::vector<Probe> probes = [] {
    constexpr double kRatios[] = {0, 0.01, -0.01, 1, -1, 10, -10, 100, -100};
    constexpr size_t kLengths[] = {1, 8, 60, 400};
    std::vector<Pair> pairs;
    for (double chosen : kRatios)
      for (double rejected : kRatios)
        pairs.push_back({chosen, rejected, kLengths[pairs.size() % std::size(kLengths)]});
    return std::vector<Probe>{Probe(pairs), Probe(std::span(pairs).first(1)),
                              Probe(std::span(pairs).last(2))};
  }();
  return probes;
}

std::string place(const dsl::Batch &batch, size_t row) {
  double chosen = batch.columns[0][row] - batch.columns[2][row];
  double rejected = batch.columns[1][row] - batch.columns[3][row];
  char text[96];
  std::snprintf(text, sizeof text, "at log-ratios %.3g and %.3g, %zu in the batch", chosen,
                rejected, batch.pairs);
  return text;
}

/// The pair to which element `i` of an input belongs.
size_t pairOf(const dsl::Batch &batch, dsl::Input input, size_t i) {
  const dsl::Extent extent = dsl::inputExtent(input);
  if (!dsl::isToken(extent))
    return i;
  const auto offsets =
      extent == dsl::Extent::ChosenToken ? batch.chosenOffsets : batch.rejectedOffsets;
  return size_t(std::upper_bound(offsets.begin(), offsets.end(), i) - offsets.begin()) - 1;
}

/// Empty when loss and gradients are finite. `moves` is set when a gradient is not 0.
std::string evaluateFinite(dsl::Interpreter &interpreter, const dsl::Batch &batch,
                           std::span<const double> parameters, dsl::Evaluation &out, bool &moves) {
  interpreter.evaluate(batch, parameters, out, dsl::Precision::Float32, {true, false});
  for (size_t input = 0; input < out.gradients.size(); ++input)
    for (size_t i = 0; i < out.gradients[input].size(); ++i) {
      if (!std::isfinite(out.gradients[input][i]))
        return "gradient is not finite " + place(batch, pairOf(batch, dsl::Input(input), i));
      moves |= out.gradients[input][i] != 0;
    }
  if (!std::isfinite(out.loss))
    return "loss is not finite " + (batch.pairs == 1 ? place(batch, 0) : "over the probes");
  return "";
}

} // namespace

std::string_view verdictName(Verdict verdict) {
  constexpr std::string_view kNames[] = {"accepted",  "no_answer",  "invalid",     "no_column",
                                         "duplicate", "non_finite", "no_gradient", "no_scale"};
  return kNames[static_cast<size_t>(verdict)];
}

std::vector<double> candidateParameters(const dsl::Program &program) {
  std::vector<double> parameters = program.defaultParameters();
  if (auto beta = program.parameterIndex("beta");
      beta && program.parameters[*beta].contains(kHashedBeta))
    parameters[*beta] = kHashedBeta;
  return parameters;
}

std::string candidateHash(const dsl::Program &program) {
  return dsl::hash(program, candidateParameters(program));
}

Verdict probe(const dsl::Program &program, std::string &reason) {
  dsl::Interpreter interpreter(program);
  dsl::Evaluation out;
  std::vector<double> parameters = program.defaultParameters();
  // A search supplies no columns, so that each stands at its default.
  const std::vector<std::span<const double>> defaults(program.columns.size());
  bool startMoves = false, moves = false;
  auto failed = [&](const Probe &probe, bool &moved) {
    dsl::Batch batch = probe.batch();
    batch.dataColumns = defaults;
    reason = evaluateFinite(interpreter, batch, parameters, out, moved);
    return !reason.empty();
  };
  for (const Probe &start : startProbes())
    if (failed(start, startMoves))
      return Verdict::NonFinite;
  if (!startMoves) {
    reason = "the gradient is 0 wherever policy and reference agree, so training would never start";
    return Verdict::NoGradient;
  }
  for (const Probe &drifted : driftedProbes())
    if (failed(drifted, moves))
      return Verdict::NonFinite;
  return Verdict::Accepted;
}

Screened Funnel::screen(const std::string &text) {
  Screened result;
  Source source("<proposal>", text);
  Diagnostics diagnostics;
  result.program = dsl::compileSource(source, diagnostics);
  if (!result.program) {
    const dsl::Repair repaired = dsl::repair(source);
    Diagnostics remaining;
    result.program = dsl::compileSource(Source("<repaired>", repaired.text), remaining);
    if (result.program)
      for (const AppliedEdit &edit : repaired.edits)
        result.repairs.emplace_back(diagnosticId(edit.kind));
  }
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
  for (const dsl::Column &column : result.program->columns)
    if (!column.defaultValue) {
      result.verdict = Verdict::NoColumn;
      result.reason =
          "a search supplies no columns, and column `" + column.name + "` has no default";
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
