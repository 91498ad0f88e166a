// Well-typed objectives through the whole front end and the interpreter, on numbers that are often
// special. The first bytes make the text, the rest the numbers.
#include "dsl/Dsl.h"
#include "dsl/Interpreter.h"
#include "test/fuzz/TypedText.h"

#include <algorithm>
#include <bit>
#include <cmath>

using namespace disco;

namespace {

/// What may be refused in a well-typed text: its size, and numbers that stand in it.
bool isAboutSize(DiagnosticKind kind) {
  const std::string_view id = diagnosticId(kind);
  return id.starts_with("TooMany") || id == "NestedTooDeep" || id == "NonFiniteConstant" ||
         id == "DeadLoss" || id == "ConstantOutOfRange";
}

double number(fuzz::Choices &choices) {
  constexpr double kSpecial[] = {0,      -0.0, 1,    -1,       1e-30,    -1e-30, 88.8,
                                 -103.9, 1e4,  -1e4, 1e30,     -1e30,    3.4e38, -3.4e38,
                                 1e-42,  0.5,  NAN,  INFINITY, -INFINITY};
  const uint8_t byte = choices.next();
  return byte < 64 ? kSpecial[byte % std::size(kSpecial)] : (double(byte) - 160) / 8;
}

bool sameBits(const std::vector<double> &a, const std::vector<double> &b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](double x, double y) {
    return std::bit_cast<uint64_t>(x) == std::bit_cast<uint64_t>(y);
  });
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz::Choices choices({data, size});
  const std::string text = fuzz::typedText(choices);
  const Source source("fuzz.dpo", text);
  Diagnostics found;
  const std::optional<dsl::Program> program = dsl::compileSource(source, found);
  fuzz::require(program.has_value() != found.hasErrors(), "a text is accepted or has errors", text);
  if (!program) {
    for (const Diagnostic &finding : found.sorted())
      fuzz::require(finding.severity != Severity::Error || isAboutSize(finding.kind),
                    "a well-typed text is refused for its size or numbers alone",
                    text + renderDiagnostics(source, {&finding, 1}));
    return 0;
  }

  dsl::Batch batch;
  batch.pairs = 1 + choices.below(4);
  std::vector<size_t> chosen{0}, rejected{0};
  for (size_t i = 0; i < batch.pairs; ++i) {
    chosen.push_back(chosen.back() + 1 + choices.below(3));
    rejected.push_back(rejected.back() + 1 + choices.below(3));
  }
  batch.progress = choices.below(4) * 0.25;
  std::array<std::vector<double>, dsl::kInputCount> inputs;
  for (size_t i = 0; i < dsl::kInputCount; ++i) {
    const dsl::Extent extent = dsl::inputExtent(dsl::Input(i));
    const size_t count = extent == dsl::Extent::ChosenToken     ? chosen.back()
                         : extent == dsl::Extent::RejectedToken ? rejected.back()
                                                                : batch.pairs;
    for (size_t j = 0; j < count; ++j)
      inputs[i].push_back(number(choices));
  }
  for (size_t i = 0; i < batch.pairs; ++i) {
    inputs[size_t(dsl::Input::chosen_length)][i] = double(chosen[i + 1] - chosen[i]);
    inputs[size_t(dsl::Input::rejected_length)][i] = double(rejected[i + 1] - rejected[i]);
  }
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    batch.columns[i] = inputs[i];
  batch.chosenOffsets = chosen;
  batch.rejectedOffsets = rejected;
  std::vector<double> weights;
  for (size_t i = 0; i < batch.pairs; ++i)
    weights.push_back(number(choices));
  const std::vector<std::span<const double>> columns(program->columns.size(), weights);
  batch.dataColumns = columns;

  const std::vector<double> parameters = program->defaultParameters();
  dsl::Interpreter interpreter(*program);
  for (dsl::Precision precision : {dsl::Precision::Double, dsl::Precision::Float32}) {
    dsl::Evaluation first, second;
    interpreter.evaluate(batch, parameters, first, precision);
    interpreter.evaluate(batch, parameters, second, precision);
    bool same = sameBits({first.loss}, {second.loss}) && sameBits(first.losses, second.losses) &&
                sameBits(first.next, second.next) && sameBits(first.metrics, second.metrics);
    for (size_t i = 0; i < dsl::kInputCount; ++i) {
      same &= sameBits(first.gradients[i], second.gradients[i]);
      fuzz::require(first.gradients[i].empty() || first.gradients[i].size() == inputs[i].size(),
                    "a gradient has the size of its input", text);
    }
    fuzz::require(same, "an evaluation repeats to the bit", text);
  }
  dsl::Evaluation value;
  dsl::ErrorBounds bounds;
  interpreter.evaluateWithBounds(batch, parameters, value, bounds);
  fuzz::require(!(bounds.loss < 0), "an error bound is not negative", text);
  return 0;
}
