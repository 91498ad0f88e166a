#include "trainer/search/Fingerprint.h"

#include "dsl/Digest.h"
#include "dsl/Interpreter.h"
#include "trainer/data/Random.h"
#include "trainer/search/Funnel.h"

#include <algorithm>
#include <cmath>

namespace disco::search {
namespace {

constexpr size_t kPairs = 24;

/// The pair inputs, in the order of Inputs.def.
using Points = std::array<std::vector<double>, 6>;

/// Ratios to +-8 and one exact tie; completions of 1 to 40 tokens. `next` gives numbers in [0, 1).
template <typename Next> Points points(Next next) {
  Points made;
  for (size_t i = 0; i < kPairs; ++i) {
    const double chosenLength = 1 + std::floor(40 * next());
    const double rejectedLength = 1 + std::floor(40 * next());
    const double chosen = -2 * chosenLength - next(), rejected = -2 * rejectedLength - next();
    const double chosenRatio = i == 0 ? 0 : 16 * next() - 8;
    const double rejectedRatio = i == 0 ? 0 : 16 * next() - 8;
    const double row[] = {
        chosen + chosenRatio, rejected + rejectedRatio, chosen, rejected, chosenLength,
        rejectedLength};
    for (size_t column = 0; column < made.size(); ++column)
      made[column].push_back(row[column]);
  }
  return made;
}

/// Loss, then the gradients of the two policy inputs.
std::array<std::vector<double>, 2> behaviour(const dsl::Program &program,
                                             std::span<const double> parameters, const Points &at) {
  dsl::Batch batch;
  batch.pairs = kPairs;
  batch.progress = 0.25;
  for (size_t column = 0; column < at.size(); ++column)
    batch.columns[column] = at[column];
  dsl::Evaluation out;
  dsl::Interpreter(program).evaluate(batch, parameters, out);
  std::array<std::vector<double>, 2> numbers{std::vector<double>{out.loss}, {}};
  for (size_t input = 0; input < 2; ++input) {
    out.gradients[input].resize(kPairs);
    numbers[1].insert(numbers[1].end(), out.gradients[input].begin(), out.gradients[input].end());
  }
  return numbers;
}

double largest(const std::vector<double> &numbers) {
  double most = 0;
  for (double number : numbers)
    if (std::isfinite(number))
      most = std::max(most, std::fabs(number));
  return most;
}

bool readsOnlyPairs(const dsl::Program &program) {
  return program.states.empty() && program.columns.empty() &&
         std::none_of(program.nodes.begin(), program.nodes.end(),
                      [](const dsl::Node &node) { return dsl::isToken(node.type.extent); });
}

} // namespace

std::optional<std::string> fingerprint(const dsl::Program &program,
                                       std::span<const double> parameters) {
  if (!readsOnlyPairs(program))
    return std::nullopt;
  double place = 0; // multiples of the golden ratio fill [0, 1) evenly
  const Points grid = points([&] { return place = std::fmod(place + 0.6180339887498949, 1); });
  dsl::Digest digest;
  for (const std::vector<double> &numbers : behaviour(program, parameters, grid)) {
    const double unit = largest(numbers) * 0x1p-20;
    for (double number : numbers)
      digest.add(!std::isfinite(number) ? 1 : unit == 0 ? 0 : uint64_t(llround(number / unit)));
    digest.add(uint64_t(llround(std::log2(unit + 1e-300) * 1000)));
  }
  return digest.text();
}

bool agreeOnRandomPoints(const dsl::Program &a, std::span<const double> aParameters,
                         const dsl::Program &b, std::span<const double> bParameters,
                         uint64_t seed) {
  data::Random random(seed);
  const Points at = points([&] { return random.uniform(); });
  const auto left = behaviour(a, aParameters, at), right = behaviour(b, bParameters, at);
  for (size_t kind = 0; kind < left.size(); ++kind) {
    const double unit = std::max(largest(left[kind]), largest(right[kind])) * 1e-9;
    for (size_t i = 0; i < left[kind].size(); ++i) {
      const double x = left[kind][i], y = right[kind][i];
      if (std::isfinite(x) != std::isfinite(y) || (std::isfinite(x) && std::fabs(x - y) > unit))
        return false;
    }
  }
  return true;
}

void Lookalikes::add(std::string name, dsl::Program program) {
  if (const auto made = fingerprint(program, candidateParameters(program)))
    known_.push_back({std::move(name), *made, std::move(program)});
}

std::optional<std::string> Lookalikes::of(const dsl::Program &program) const {
  constexpr uint64_t kSeed = 20406; // any: it only must not be the fixed points
  const std::vector<double> parameters = candidateParameters(program);
  const std::optional<std::string> wanted = fingerprint(program, parameters);
  for (const Known &known : known_)
    if (wanted == known.fingerprint &&
        agreeOnRandomPoints(program, parameters, known.program, candidateParameters(known.program),
                            kSeed))
      return known.name;
  return std::nullopt;
}

} // namespace disco::search
