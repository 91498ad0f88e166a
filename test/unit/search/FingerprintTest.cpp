// Fingerprints find what the hash does not show, and are never believed alone.
#include "trainer/search/Fingerprint.h"

#include "dsl/Dsl.h"

#include <gtest/gtest.h>

namespace disco::search {
namespace {

dsl::Program programOf(const std::string &loss) {
  Diagnostics found;
  const Source source("test.dpo", "objective o { param beta = 0.1; loss = " + loss + "; }");
  std::optional<dsl::Program> program = dsl::compileSource(source, found);
  EXPECT_TRUE(program) << renderDiagnostics(source, found.sorted());
  return program ? std::move(*program) : dsl::Program{};
}
std::string hashOf(const dsl::Program &program) {
  return dsl::hash(program, program.defaultParameters());
}

// The mean of deviations is 0, so that it does not matter whether the mean has a gradient.
constexpr const char *kDeviation = "square(margin - batch_mean(margin))";
constexpr const char *kDetached = "square(margin - detach(batch_mean(margin)))";

TEST(Fingerprint, SuggestsWhatTheHashMisses) {
  const dsl::Program a = programOf(kDeviation), b = programOf(kDetached);
  EXPECT_NE(hashOf(a), hashOf(b));
  Lookalikes known;
  known.add("deviation", a);
  EXPECT_EQ(known.of(b), "deviation");
}

TEST(Fingerprint, TellsOrdinaryObjectivesApart) {
  Lookalikes known;
  known.add("dpo", programOf("softplus(-beta * margin)"));
  EXPECT_FALSE(known.of(programOf("relu(1 - beta * margin)")));
  EXPECT_FALSE(known.of(programOf("2 * softplus(-beta * margin)")));
  EXPECT_FALSE(known.of(programOf("softplus(-beta * margin) + 1")));
}

TEST(Fingerprint, IsConfirmedOnOtherPoints) {
  // Apart in the eighth digit: the rounded numbers agree, the random points do not.
  const dsl::Program a = programOf("softplus(-0.10000001 * margin)"),
                     b = programOf("softplus(-0.10000002 * margin)");
  EXPECT_EQ(fingerprint(a, a.defaultParameters()), fingerprint(b, b.defaultParameters()));
  EXPECT_FALSE(agreeOnRandomPoints(a, a.defaultParameters(), b, b.defaultParameters(), 1));
  Lookalikes known;
  known.add("a", a);
  EXPECT_FALSE(known.of(b));
}

TEST(Fingerprint, IsNotMadeWithoutWhatAProgramReads) {
  const dsl::Program tokens = programOf("token_sum(policy_chosen_token_logps)");
  EXPECT_FALSE(fingerprint(tokens, tokens.defaultParameters()));
}

} // namespace
} // namespace disco::search
