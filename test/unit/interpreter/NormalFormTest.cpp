// The normal form evaluated with numbers is what the interpreter computes: every rewrite that
// random programs provoke keeps the value. (IdentityTest.cpp has gradients, ties and domains.)
#include "dsl/identity/NormalForm.h"
#include "test/unit/interpreter/Evaluate.h"
#include "test/unit/interpreter/RandomProgram.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>
#include <map>

namespace disco::dsl {

namespace {

/// Straight from the definitions of Algebra.h, one number at a time.
class TermEvaluator {
public:
  TermEvaluator(const Algebra &algebra, const Step &step) : algebra_(algebra), step_(step) {}

  /// The largest number added or multiplied on the way: what cancellation has to be measured by.
  double largest() const { return largest_; }

  /// Whether something hung on rounding: a branch, as in `max(a, b) == a`, or a sum of which almost
  /// nothing was left, as in log(1 - sigmoid(40)).
  bool ruledByRounding() const { return ruledByRounding_; }

  long double value(TermId id, size_t pair, size_t token) {
    const auto [known, isNew] = values_.try_emplace({id, pair, token}, 0);
    if (!isNew)
      return known->second;
    long double sum = 0, largest = 0;
    for (const Part &part : algebra_.term(id).parts) {
      long double product = part.coefficient;
      for (const Factor &factor : algebra_.monomial(part.monomial).factors) {
        const long double power =
            std::pow(value(algebra_.atom(factor.atom), pair, token), factor.exponent);
        if (std::isinf(power)) // the product may hide it, as 0 * infinity
          largest_ = std::numeric_limits<double>::infinity();
        product *= power;
      }
      sum += product;
      largest = std::max(largest, std::fabs(product));
    }
    ruledByRounding_ |= sum != 0 && std::fabs(sum) < 1e-9L * largest;
    largest_ = std::max(largest_, double(largest));
    return values_[{id, pair, token}] = sum;
  }

private:
  long double value(const Atom &atom, size_t pair, size_t token) {
    const auto argument = [&](size_t i) { return value(atom.arguments[i], pair, token); };
    switch (atom.op) {
    case Op::Input:
      return Input(atom.index) == Input::batch_size ? double(step_.pairs)
             : Input(atom.index) == Input::progress ? step_.progress
                                                    : step_.columns.at(Input(atom.index))[pair];
    case Op::Exp:
      return std::exp(argument(0));
    case Op::Log:
      ruledByRounding_ |= argument(0) == 0;
      return std::log(argument(0));
    case Op::Sigmoid:
      return 1 / (1 + std::exp(-argument(0)));
    case Op::Softplus:
      return std::max(argument(0), 0.0L) + std::log1p(std::exp(-std::fabs(argument(0))));
    case Op::Pow: {
      // Terms that agree to 12 digits are one term; an exponent beside an integer would make powers
      // of negative numbers undefined.
      const long double exponent = argument(1), integer = std::nearbyint(exponent);
      return std::pow(argument(0), std::fabs(exponent - integer) < 1e-11L ? integer : exponent);
    }
    case Op::Add:
      return argument(0);
    case Op::Lt:
    case Op::Eq: {
      const long double t = argument(0);
      ruledByRounding_ |= std::fabs(t - atom.threshold) <= 1e-9 * largest_;
      return atom.op == Op::Lt ? t > atom.threshold : t == atom.threshold;
    }
    case Op::Select:
      return argument(0) > 0.5 ? argument(1) : argument(2);
    case Op::BatchSum: {
      long double sum = 0;
      for (size_t i = 0; i < step_.pairs; ++i)
        sum += value(atom.arguments[0], i, token);
      return sum;
    }
    default:
      ADD_FAILURE() << "an atom of " << opMnemonic(atom.op);
      return 0;
    }
  }

  const Algebra &algebra_;
  const Step &step_;
  std::map<std::tuple<TermId, size_t, size_t>, long double> values_;
  double largest_ = 1;
  bool ruledByRounding_ = false;
};

/// Six pairs without ties, so that rounding decides no branch; margins of a few nats.
Step generalStep(uint64_t seed) {
  TestRandom random(seed);
  Step step;
  step.pairs = 6;
  step.progress = 0.375;
  for (size_t i = 0; i < step.pairs; ++i)
    for (Input input : {Input::policy_chosen_logps, Input::policy_rejected_logps,
                        Input::reference_chosen_logps, Input::reference_rejected_logps})
      step.columns[input].push_back(random.uniform(-3, -0.5));
  for (size_t i = 0; i < step.pairs; ++i)
    for (Input input : {Input::chosen_length, Input::rejected_length})
      step.columns[input].push_back(double(1 + random.below(5)));
  return step;
}

TEST(NormalForm, HasTheValueOfTheProgram) {
  constexpr uint64_t kPrograms = 100'000;
  size_t compared = 0;
  for (uint64_t seed = 0; seed < kPrograms; ++seed) {
    const Program program = randomProgram(seed, 4 + seed % 12, Vocabulary::Pairs);
    const Step step = generalStep(seed + 1);
    Evaluation expected;
    ErrorBounds bounds; // of float32: how ill-conditioned the program is here
    Interpreter(program).evaluateWithBounds(step.batch(), program.defaultParameters(), expected,
                                            bounds);
    if (!std::isfinite(expected.loss) || !std::isfinite(bounds.loss))
      continue;
    try {
      const LossForm form(program, program.defaultParameters(), 1);
      TermEvaluator evaluator(form.algebra, step);
      const double actual = double(evaluator.value(form.value, 0, 0));
      if (std::isinf(actual) || evaluator.largest() > 1e6 || evaluator.ruledByRounding())
        continue; // but what is a number must not become undefined
      ++compared;
      EXPECT_NEAR(actual, expected.loss, 1e-8 * evaluator.largest() + 1e-6 * bounds.loss)
          << "seed " << seed;
    } catch (const Algebra::GiveUp &) {
    }
    if (testing::Test::HasFailure())
      break;
  }
  EXPECT_GT(compared, kPrograms / 5);
}

} // namespace

} // namespace disco::dsl
