// Nothing that the interpreter computes lies outside what the enclosure says (SPEC F5): ten million
// points in random boxes of shipped and random programs; and a rule that is made too narrow is
// found.
#include "dsl/Dsl.h"
#include "test/unit/facts/Containment.h"

#include <filesystem>
#include <gtest/gtest.h>

namespace disco::dsl::facts {
namespace {

std::vector<Program> shipped() {
  std::vector<Program> programs;
  for (const auto &entry : std::filesystem::directory_iterator(DISCO_OBJECTIVES)) {
    if (entry.path().extension() != ".dpo")
      continue;
    Result<Source> source = readSource(entry.path().string());
    Diagnostics diagnostics;
    if (std::optional<Program> program = compileSource(*source, diagnostics))
      programs.push_back(std::move(*program));
  }
  return programs;
}

constexpr size_t kBoxes = 32, kPairs = 640;

/// Boxes of one program, half in either precision, most by affine forms. The number of points.
size_t expectContained(const Program &program, uint64_t seed) {
  Containment containment(program, seed);
  for (size_t i = 0; i < kBoxes; ++i) {
    const auto precision = i % 2 == 0 ? Precision::Double : Precision::Float32;
    const auto method = i / 2 % 4 == 0 ? Enclosure::Method::Intervals : Enclosure::Method::Affine;
    const std::optional<std::string> found =
        containment.tryBox(i % 8 < 6 ? kPairs : 1 + i % 3, precision, method);
    EXPECT_FALSE(found) << program.name << ", seed " << seed << ", box " << i << ": " << *found;
    if (found)
      break;
  }
  return containment.points();
}

TEST(Soundness, TenMillionPoints) {
  size_t points = 0;
  uint64_t seed = 1;
  for (const Program &program : shipped())
    points += expectContained(program, seed++);
  for (; points < 10'000'000 && !HasFailure(); ++seed)
    points += expectContained(randomTypedProgram(seed, 4 + seed % 40), seed);
  EXPECT_LT(seed, 5000u) << points;
}

Rule mutated;
/// The rules, one of which gives away a sixteenth of its interval at either end.
Interval narrowed(Rule rule, const Interval *operands, Precision precision) {
  Interval result = apply(rule, operands, precision);
  if (rule == mutated && std::isfinite(result.width())) {
    const double part = result.width() / 16;
    result.lo += part;
    result.hi -= part;
  }
  return result;
}

TEST(Soundness, EveryRuleIsMissedWhenItIsTooNarrow) {
  for (size_t i = 1; i < kRuleCount; ++i) { // all but Leaf
    mutated = Rule(i);
    bool found = false;
    for (uint64_t seed = 1; seed <= 4000 && !found; ++seed) {
      const Program program = randomTypedProgram(seed, 4 + seed % 40);
      Containment containment(program, seed, &narrowed);
      for (size_t box = 0; box < 8 && !found; ++box)
        found = containment.tryBox(40, Precision::Double, Enclosure::Method::Intervals).has_value();
    }
    EXPECT_TRUE(found) << ruleName(mutated);
  }
}

} // namespace
} // namespace disco::dsl::facts
