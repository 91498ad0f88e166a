// See RandomObjective.h.
#include "test/conformance/RandomObjective.h"

#include "dsl/Dsl.h"
#include "test/fuzz/TypedText.h"
#include "test/unit/interpreter/RandomProgram.h"

#include <cmath>
#include <limits>

namespace disco::conformance {

namespace {

using dsl::TestRandom;

bool isText(uint64_t seed) { return seed % 2 == 0; }

std::optional<dsl::Program> accepted(const std::string &text) {
  Diagnostics found;
  return dsl::compileSource(Source("random.dpo", text), found);
}

std::optional<dsl::Program> programOfText(uint64_t seed, size_t size) {
  TestRandom random(seed);
  std::vector<uint8_t> bytes(size);
  for (uint8_t &byte : bytes)
    byte = uint8_t(random.next() >> 56);
  fuzz::Choices choices(bytes);
  return accepted(fuzz::typedText(choices));
}

dsl::Program programOfGraph(uint64_t seed, size_t size) {
  return dsl::randomProgram(seed, size,
                            seed % 16 == 1 ? dsl::Vocabulary::Pairs : dsl::Vocabulary::All);
}

double special(TestRandom &random) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kNumbers[] = {0,      -0.0,  1,     -1,  1e-30,     -1e-30,    1e-42,
                                 -1e-42, 88.75, -104,  1e4, -1e4,      1e18,      1e30,
                                 -1e30,  3e38,  -3e38, NAN, kInfinity, -kInfinity};
  return float(kNumbers[random.below(std::size(kNumbers))]);
}

} // namespace

size_t fullSize(uint64_t seed) {
  TestRandom random(seed ^ 0x51);
  const size_t most = random.below(16) ? 1 : 4; // large ones take long to compile
  return isText(seed) ? 24 + random.below(64 * most) : 2 + random.below(14 * most);
}

std::optional<RandomObjective> randomObjective(uint64_t seed, size_t size) {
  std::optional<dsl::Program> program =
      isText(seed) ? programOfText(seed, size) : programOfGraph(seed, size);
  if (!program)
    return std::nullopt;
  RandomObjective objective{std::move(*program), {}, {}};
  objective.text = dsl::printProgram(objective.program);
  objective.reread = accepted(objective.text);
  if (objective.reread && objective.reread->states.size() != objective.program.states.size())
    objective.reread.reset();
  return objective;
}

size_t pairsOfStep(uint64_t seed, size_t kind) {
  TestRandom random(seed * kSteps + kind);
  switch (random.below(12)) {
  case 0:
    return random.below(3);
  case 1:
    return 14 + random.below(5);
  case 2:
    return 30 + random.below(40);
  default:
    return random.below(100) ? 1 + random.below(20) : 4094 + random.below(5);
  }
}

dsl::Step randomStepFor(const dsl::Program &program, uint64_t seed, size_t kind, size_t pairs) {
  TestRandom random(seed * kSteps + kind + 1);
  dsl::Step step =
      dsl::randomStep(random.next(), pairs, kind == 1 ? 100 : 5, program.columns.size());
  if (random.below(2))
    for (size_t i = 0; i < program.states.size(); ++i)
      step.states.push_back(float(random.uniform(-2, 2)));
  for (size_t c = 0; c < program.columns.size(); ++c)
    if (program.columns[c].defaultValue && random.below(2))
      step.dataColumns[c].clear();
  if (kind < 2)
    return step;
  const size_t rarity = kind == 2 ? 2 : 4 * (pairs + 1); // many of them, or one in a few steps
  const auto sprinkle = [&](std::vector<double> &values) {
    for (double &value : values)
      if (random.below(rarity) == 0)
        value = special(random);
  };
  for (auto &[input, values] : step.columns)
    if (input != dsl::Input::chosen_length && input != dsl::Input::rejected_length)
      sprinkle(values);
  for (std::vector<double> &values : step.dataColumns)
    sprinkle(values);
  sprinkle(step.states);
  return step;
}

std::vector<double> randomParameters(const dsl::Program &program, uint64_t seed, size_t kind) {
  TestRandom random(seed * kSteps + kind + 2);
  std::vector<double> values = program.defaultParameters();
  if (random.below(2))
    for (double &value : values)
      value = float(value * random.uniform(0.5, 2));
  return values;
}

} // namespace disco::conformance
