// Which losses are one function: pairs of texts in identity/*.txt, each with the rule it shows
// (SPEC H1, H2, H3, H4, H5, H6, H7, H8, H9, H10, H11, H12, H13, H14 and H15). The interpreter,
// which shares no code with the normal form, confirms on numbers that equal ones are equal and that
// the others are not.
#include "test/unit/dsl/Compile.h"

#include <algorithm>
#include <cmath>
#include <fstream>

namespace disco::dsl {

namespace {

struct TextPair {
  std::string reason, a, b;
  friend void PrintTo(const TextPair &pair, std::ostream *out) {
    *out << pair.reason << "\n  " << pair.a << "\n  " << pair.b;
  }
};

/// Blocks of a comment line and two texts; the first block is the file's own comment.
std::vector<TextPair> textPairs(const std::string &name) {
  std::ifstream file(std::string(DISCO_IDENTITY) + "/" + name);
  std::vector<TextPair> pairs;
  std::vector<std::string> block;
  const auto finish = [&] {
    if (block.size() == 3 && block[0].starts_with("# ") && !block[1].starts_with("#"))
      pairs.push_back({block[0].substr(2), block[1], block[2]});
    else
      EXPECT_TRUE(pairs.empty()) << name << ": a block of " << block.size() << " lines";
    block.clear();
  };
  for (std::string line; std::getline(file, line);)
    if (!line.empty())
      block.push_back(line);
    else
      finish();
  if (!block.empty())
    finish();
  return pairs;
}

Program programOf(const std::string &text) {
  return text.find("loss =") == std::string::npos ? compiledLoss(text) : compiled(objective(text));
}

/// Six pairs with tokens: ordinary ones, exact ties at margin 0, 1 and 1.0000001, ratios of 0.
struct Rows {
  static constexpr size_t pairs = 6;
  std::array<std::vector<double>, kInputCount> inputs;
  std::vector<size_t> chosenOffsets{0}, rejectedOffsets{0};
  Rows() {
    const auto set = [&](Input input, std::vector<double> values) {
      inputs[size_t(input)] = std::move(values);
    };
    set(Input::policy_chosen_logps, {-3, -20.5, -7, -4, -2, -1});
    set(Input::policy_rejected_logps, {-5, -18, -7, -1, -3, -2.0000001});
    set(Input::reference_chosen_logps, {-4, -21, -7, -2, -2, -1});
    set(Input::reference_rejected_logps, {-4.5, -17, -7, -2.5, -2, -2});
    set(Input::chosen_length, {3, 2, 4, 1, 1, 3});
    set(Input::rejected_length, {5, 1, 2, 2, 3, 1});
    tokens(Input::policy_chosen_token_logps, Input::chosen_length, -0.3);
    tokens(Input::reference_chosen_token_logps, Input::chosen_length, -0.4);
    tokens(Input::chosen_token_kl, Input::chosen_length, 0.2);
    tokens(Input::policy_rejected_token_logps, Input::rejected_length, -0.7);
    tokens(Input::reference_rejected_token_logps, Input::rejected_length, -0.6);
    tokens(Input::rejected_token_kl, Input::rejected_length, 0.1);
    for (size_t i = 0; i < pairs; ++i) {
      chosenOffsets.push_back(chosenOffsets[i] + size_t(inputs[size_t(Input::chosen_length)][i]));
      rejectedOffsets.push_back(rejectedOffsets[i] +
                                size_t(inputs[size_t(Input::rejected_length)][i]));
    }
  }
  void tokens(Input input, Input length, double scale) {
    for (double count : inputs[size_t(length)])
      for (double i = 0; i < count; ++i)
        inputs[size_t(input)].push_back(scale * (1 + i * i + 0.1 * count));
  }
};

/// Value and gradients over the first five steps, the states going on from step to step; the
/// gradients of token inputs after those of pair inputs. No column of the batch is given.
std::vector<double> evaluated(const Program &program) {
  const Rows rows;
  const std::vector<std::span<const double>> noColumns(program.columns.size());
  Interpreter interpreter(program);
  const std::vector<double> parameters = program.defaultParameters();
  std::vector<double> states = initialStates(program, parameters), numbers;
  for (int step = 0; step < 5; ++step) {
    Batch batch;
    batch.pairs = rows.pairs;
    batch.progress = 0.125 * step;
    for (size_t i = 0; i < kInputCount; ++i)
      batch.columns[i] = rows.inputs[i];
    batch.chosenOffsets = rows.chosenOffsets;
    batch.rejectedOffsets = rows.rejectedOffsets;
    batch.dataColumns = noColumns;
    batch.states = states;
    Evaluation out;
    interpreter.evaluate(batch, parameters, out);
    numbers.push_back(out.loss);
    for (size_t input = 0; input < kInputCount; ++input)
      if (inputHasGradient(Input(input))) {
        const size_t size = rows.inputs[input].size();
        out.gradients[input].resize(size); // of an input that is not read it may be empty
        numbers.insert(numbers.end(), out.gradients[input].begin(), out.gradients[input].end());
      }
    states = out.next;
  }
  return numbers;
}

bool alike(double a, double b, double tolerance) {
  return (std::isnan(a) && std::isnan(b)) || a == b ||
         (std::isfinite(a - b) &&
          std::fabs(a - b) <= tolerance * (1 + std::fabs(a) + std::fabs(b)));
}

std::string lossHash(const Program &program) { return hash(program, program.defaultParameters()); }
std::string shape(const Program &program) {
  return shapeHash(program, program.defaultParameters());
}

class EqualLosses : public testing::TestWithParam<TextPair> {};
TEST_P(EqualLosses, HashAndEvaluateAlike) {
  const Program a = programOf(GetParam().a), b = programOf(GetParam().b);
  ASSERT_FALSE(a.nodes.empty() || b.nodes.empty());
  EXPECT_EQ(lossHash(a), lossHash(b));
  EXPECT_EQ(shape(a), shape(b));
  const std::vector<double> x = evaluated(a), y = evaluated(b);
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i)
    EXPECT_TRUE(alike(x[i], y[i], 1e-9)) << x[i] << " and " << y[i] << " at " << i;
}
INSTANTIATE_TEST_SUITE_P(File, EqualLosses, testing::ValuesIn(textPairs("equal.txt")));

class DifferentLosses : public testing::TestWithParam<TextPair> {};
TEST_P(DifferentLosses, HashAndEvaluateApart) {
  const Program a = programOf(GetParam().a), b = programOf(GetParam().b);
  ASSERT_FALSE(a.nodes.empty() || b.nodes.empty());
  EXPECT_NE(lossHash(a), lossHash(b));
  const std::vector<double> x = evaluated(a), y = evaluated(b);
  bool differ = false;
  for (size_t i = 0; i < x.size(); ++i)
    differ |= !alike(x[i], y[i], 1e-12);
  // Defaults of columns show in evaluation, their names do not.
  EXPECT_TRUE(differ || GetParam().reason == "a column of another name");
}
INSTANTIATE_TEST_SUITE_P(File, DifferentLosses, testing::ValuesIn(textPairs("different.txt")));

class SameShape : public testing::TestWithParam<TextPair> {};
TEST_P(SameShape, ShapeHashIsEqual) {
  const Program a = programOf(GetParam().a), b = programOf(GetParam().b);
  ASSERT_FALSE(a.nodes.empty() || b.nodes.empty());
  EXPECT_NE(lossHash(a), lossHash(b));
  EXPECT_EQ(shape(a), shape(b));
}
INSTANTIATE_TEST_SUITE_P(File, SameShape, testing::ValuesIn(textPairs("same-shape.txt")));

class OtherShape : public testing::TestWithParam<TextPair> {};
TEST_P(OtherShape, ShapeHashDiffers) {
  const Program a = programOf(GetParam().a), b = programOf(GetParam().b);
  ASSERT_FALSE(a.nodes.empty() || b.nodes.empty());
  EXPECT_NE(shape(a), shape(b));
}
INSTANTIATE_TEST_SUITE_P(File, OtherShape, testing::ValuesIn(textPairs("other-shape.txt")));

TEST(Identity, HasEnoughPairs) {
  EXPECT_GE(textPairs("equal.txt").size(), 60u);
  EXPECT_GE(textPairs("different.txt").size(), 60u);
}

TEST(Identity, EveryRuleHasPairsThatItJoinsAndPairsThatItLeaves) {
  for (const char *file : {"equal.txt", "different.txt"})
    for (int rule = 1; rule <= 14; ++rule) {
      const std::string label = "H" + std::to_string(rule) + ": ";
      const std::vector<TextPair> pairs = textPairs(file);
      EXPECT_TRUE(std::any_of(pairs.begin(), pairs.end(),
                              [&](const TextPair &pair) { return pair.reason.starts_with(label); }))
          << label << file;
    }
}

} // namespace

} // namespace disco::dsl
