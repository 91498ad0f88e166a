// Which losses are the same function. The interpreter confirms each claimed equality on numbers: it
// shares no code with the normal form.
#include "test/unit/dsl/Compile.h"

#include <cmath>
#include <map>
#include <set>

namespace disco::dsl {

namespace {

std::string lossHash(const Program &program) { return hash(program, program.defaultParameters()); }

Evaluation evaluated(const Program &program) {
  const std::vector<double> policyChosen = {-3, -20.5, -7.5, -1},
                            policyRejected = {-5, -18, -7.25, -9},
                            referenceChosen = {-4, -21, -7, -2},
                            referenceRejected = {-4.5, -17, -7, -3}, chosenLength = {3, 10, 4, 1},
                            rejectedLength = {5, 9, 4, 2};
  Batch batch;
  batch.pairs = 4;
  batch.columns[size_t(Input::policy_chosen_logps)] = policyChosen;
  batch.columns[size_t(Input::policy_rejected_logps)] = policyRejected;
  batch.columns[size_t(Input::reference_chosen_logps)] = referenceChosen;
  batch.columns[size_t(Input::reference_rejected_logps)] = referenceRejected;
  batch.columns[size_t(Input::chosen_length)] = chosenLength;
  batch.columns[size_t(Input::rejected_length)] = rejectedLength;
  Evaluation out;
  Interpreter(program).evaluate(batch, program.defaultParameters(), out);
  return out;
}

struct Pair {
  const char *a, *b;
};

class EqualLosses : public testing::TestWithParam<Pair> {};
TEST_P(EqualLosses, HashAndEvaluateAlike) {
  const Program a = compiledLoss(GetParam().a), b = compiledLoss(GetParam().b);
  EXPECT_EQ(lossHash(a), lossHash(b));
  const Evaluation x = evaluated(a), y = evaluated(b);
  EXPECT_NEAR(x.loss, y.loss, 1e-9 * (1 + std::fabs(x.loss)));
  for (Input input : {Input::policy_chosen_logps, Input::policy_rejected_logps})
    for (size_t pair = 0; pair < 4; ++pair)
      EXPECT_NEAR(x.gradients[size_t(input)][pair], y.gradients[size_t(input)][pair], 1e-9);
}
INSTANTIATE_TEST_SUITE_P(
    Identities, EqualLosses,
    testing::Values(
        Pair{"margin + beta", "beta + margin"},                                    // SPEC H1
        Pair{"margin + margin", "2 * margin"},                                     // SPEC H1
        Pair{"chosen_ratio - rejected_ratio", "-(rejected_ratio - chosen_ratio)"}, // SPEC H1
        Pair{"softplus(-beta * margin)", "softplus(-0.5 * margin)"}, // parameters are bound
        Pair{"beta * (margin + 3)", "beta * margin + beta * 3"},     // SPEC H2
        Pair{"margin / 3", "margin * (1 / 3)"},                      // SPEC H3
        Pair{"margin * margin", "margin^2"},                         // SPEC H3
        Pair{"exp(margin) * exp(2 * margin)", "exp(3 * margin)"},    // SPEC H3
        Pair{"margin / chosen_length / chosen_length", "margin * chosen_length^-2"}, // SPEC H4
        Pair{"(2 * margin)^2", "4 * square(margin)"},                                // SPEC H4
        Pair{"1 / (1 + exp(-margin))", "sigmoid(margin)"},                           // SPEC H4
        Pair{"exp(margin + 1)", "exp(1) * exp(margin)"},                             // SPEC H5
        Pair{"expm1(margin)", "exp(margin) - 1"},                                    // SPEC H5
        Pair{"-logsigmoid(margin)", "softplus(-margin)"},                            // SPEC H6
        Pair{"-log(sigmoid(margin))", "softplus(-margin)"},                          // SPEC H6
        Pair{"log(1 + exp(-margin))", "softplus(-margin)"},                          // SPEC H6
        Pair{"log1p(exp(margin))", "softplus(margin)"},                              // SPEC H6
        Pair{"-log(1 - sigmoid(margin))", "softplus(margin)"},                       // SPEC H6
        Pair{"1 - sigmoid(margin)", "sigmoid(-margin)"},                             // SPEC H7
        Pair{"softplus(margin) - margin", "softplus(-margin)"},                      // SPEC H7
        Pair{"tanh(margin)", "2 * sigmoid(2 * margin) - 1"},                         // SPEC H7
        Pair{"abs(-2 * margin)", "2 * abs(margin)"},                                 // SPEC H7
        Pair{"batch_mean(2 * margin) * chosen_ratio",
             "2 * batch_mean(margin) * chosen_ratio"},                                   // SPEC H8
        Pair{"margin * detach(2 * margin)", "2 * margin * detach(margin)"},              // SPEC H8
        Pair{"relu(margin)", "max(0, margin)"},                                          // SPEC H9
        Pair{"min(margin, 1)", "-max(-margin, -1)"},                                     // SPEC H9
        Pair{"where(margin > 1, margin, 1)", "max(margin, 1)"},                          // SPEC H9
        Pair{"where(margin < 1, exp(margin), 2)", "where(1 <= margin, 2, exp(margin))"}, // SPEC H10
        Pair{"where(margin > 0 or margin < -1, exp(margin), 0)",
             "where(margin <= 0 and margin >= -1, 0, exp(margin))"}, // SPEC H10
        Pair{"where(beta * margin < 0, exp(margin), 1)",
             "where(margin < 0, exp(margin), 1)"}, // SPEC H10
        Pair{"where(not (margin < 0), 1, exp(margin))",
             "where(margin < 0, exp(margin), 1)"}, // SPEC H11
        Pair{"exp(margin) + batch_mean(square(chosen_ratio))",
             "exp(margin) + chosen_ratio^2"},                     // SPEC H12
        Pair{"2 * batch_mean(exp(margin))", "2 * exp(margin)"})); // SPEC H12

class DifferentLosses : public testing::TestWithParam<Pair> {};
TEST_P(DifferentLosses, HashApart) {
  EXPECT_NE(lossHash(compiledLoss(GetParam().a)), lossHash(compiledLoss(GetParam().b)));
}
INSTANTIATE_TEST_SUITE_P(
    MustNotMerge, DifferentLosses,
    testing::Values(
        Pair{"softplus(-margin)", "softplus(margin)"},
        Pair{"softplus(-beta * margin)", "softplus(-tau * margin)"},
        Pair{"margin * margin", "margin * detach(margin)"},
        Pair{"exp(margin) * batch_mean(margin)", "exp(margin) * margin"},
        Pair{"square(batch_mean(margin))", "batch_mean(square(margin))"},
        Pair{"where(margin < 0, exp(margin), 0)", "where(margin <= 0, exp(margin), 0)"},
        Pair{"chosen_ratio", "rejected_ratio"}, Pair{"max(margin, 1)", "min(margin, 1)"},
        Pair{"margin / margin * exp(margin)", "exp(margin)"},
        Pair{"sqrt(square(margin))", "margin"}, Pair{"(exp(margin))^0.5", "exp(margin)"},
        Pair{"margin - 1e-6", "margin - 2e-6"}, Pair{"sigmoid(1 - margin)", "1 - sigmoid(margin)"},
        Pair{"abs(margin)", "margin * sign(margin) * 2"}));

TEST(Hash, NamesOrderAndDeadBindingsDoNotCount) {
  const std::string a = lossHash(compiled(objective(
      "param b = 0.5; let x = b * margin; let unused = exp(x); loss = exp(-x); metric m = x;")));
  const std::string b = lossHash(compiled(objective(
      "param tau = 7; param beta = 0.5; let other = beta * margin; loss = exp(-other);")));
  EXPECT_EQ(a, b);
}

TEST(Hash, CodeHashTellsExactPrograms) {
  EXPECT_NE(codeHash(compiledLoss("margin + margin")), codeHash(compiledLoss("2 * margin")));
  EXPECT_NE(codeHash(compiled(objective("loss = exp(margin);"))),
            codeHash(compiled(objective("loss = exp(margin); metric m = margin;"))));
  EXPECT_EQ(codeHash(compiled(objective("param a = 1; loss = exp(a * margin);"))),
            codeHash(compiled(
                objective("param b = 2 in [1, 9] log; let x = b * margin; loss = exp(x);"))));
}

// Two papers may have one loss, and an earlier form may differ by a factor that is 1 by default.
TEST(Hash, ShippedObjectivesAreDistinctButForKnownTwins) {
  std::map<std::string, std::set<std::string>> named;
  for (const std::filesystem::path &path : shippedObjectives()) {
    const Result<Source> source = readSource(path);
    ASSERT_TRUE(source);
    named[lossHash(compiled((*source).text()))].insert(path.stem());
  }
  std::set<std::set<std::string>> twins;
  for (const auto &[hash, names] : named)
    if (names.size() > 1)
      twins.insert(names);
  EXPECT_EQ(twins,
            (std::set<std::set<std::string>>{{"cpo", "reference_free_dpo"}, {"lrml", "lrml_old"}}));
}

TEST(Hash, IsStable) {
  // Stored archives and caches hold hashes; a change here orphans them.
  const Program dpo = compiled(objective("param beta = 0.1; loss = softplus(-beta * margin);"));
  EXPECT_EQ(lossHash(dpo), "129c9a006ace7554cb8bd3dc34219f93");
  EXPECT_EQ(codeHash(dpo), "1fef48fc015a30477fc66a2011846cc2");
}

} // namespace

} // namespace disco::dsl
