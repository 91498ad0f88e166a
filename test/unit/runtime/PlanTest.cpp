// Plans with functions written by hand: order of walks, chunks, reductions and reorderings.
#include "runtime/Plan.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace disco::runtime {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// Runs a plan on one input and one output array.
std::vector<float> ran(const char *text, std::vector<disco_walk_fn> functions,
                       const std::vector<float> &input) {
  Result<Plan> plan = Plan::parse(text);
  EXPECT_TRUE(plan) << text;
  EXPECT_EQ(plan->functions(), functions.size());
  std::vector<float> output(input.size() + 1);
  const void *inputs[] = {input.data()};
  void *outputs[] = {output.data()};
  plan->run(functions.data(),
            {.inputs = inputs, .pairs = int64_t(input.size()), .outputs = outputs});
  return output;
}

const float *inputOf(const Frame *frame) { return static_cast<const float *>(frame->inputs[0]); }
float *outputOf(const Frame *frame) { return static_cast<float *>(frame->outputs[0]); }

void sumAndMax(const Frame *frame, int64_t begin, int64_t end, double *sums) {
  sums[0] = 0;
  sums[1] = -std::numeric_limits<double>::infinity();
  for (int64_t i = begin; i < end; ++i) {
    const double x = inputOf(frame)[i];
    sums[0] += x;
    sums[1] = x != x || sums[1] != sums[1] ? x + sums[1] : std::max(sums[1], x);
  }
}
void firstTotal(const Frame *frame, int64_t, int64_t, double *) {
  outputOf(frame)[0] = float(frame->totals[0]);
}
void secondTotal(const Frame *frame, int64_t, int64_t, double *) {
  outputOf(frame)[0] = float(frame->totals[1]);
}
void storeInput(const Frame *frame, int64_t begin, int64_t end, double *) {
  std::copy(inputOf(frame) + begin, inputOf(frame) + end, frame->stored[1] + begin);
}
void takeSorted(const Frame *frame, int64_t begin, int64_t end, double *) {
  std::copy(frame->stored[0] + begin, frame->stored[0] + end, outputOf(frame) + begin);
}
void storeRank(const Frame *frame, int64_t begin, int64_t end, double *) {
  for (int64_t i = begin; i < end; ++i)
    frame->stored[3][i] = float(i);
}
void takeBack(const Frame *frame, int64_t begin, int64_t end, double *) {
  std::copy(frame->stored[2] + begin, frame->stored[2] + end, outputOf(frame) + begin);
}

TEST(Plan, AddsChunksInOrder) {
  const std::vector<float> ones(3 * Plan::kChunk + 5, 1);
  EXPECT_EQ(ran("walk add max; means", {sumAndMax, firstTotal}, ones)[0], float(ones.size()));
}

TEST(Plan, TheLargestIsOverAllChunksAndNaNIfAnyIs) {
  std::vector<float> values(2 * Plan::kChunk + 1, -2);
  values.back() = 7;
  EXPECT_EQ(ran("walk add max; means", {sumAndMax, secondTotal}, values)[0], 7);
  values[3] = kNaN;
  EXPECT_TRUE(std::isnan(ran("walk add max; means", {sumAndMax, secondTotal}, values)[0]));
}

TEST(Plan, SortsAscendingWithNaNLast) {
  const std::vector<float> out =
      ran("walk; sort 1 0; walk", {storeInput, takeSorted}, {2, kNaN, -1, 5});
  EXPECT_EQ(std::vector<float>(out.begin(), out.begin() + 3), (std::vector<float>{-1, 2, 5}));
  EXPECT_TRUE(std::isnan(out[3]));
}

TEST(Plan, TakesRanksBackToTheirPairsAndKeepsTiesInOrder) {
  const std::vector<float> out = ran("walk; sort 1 0; walk; unsort 3 2 0; walk",
                                     {storeInput, storeRank, takeBack}, {2, -1, 2, 0});
  EXPECT_EQ(std::vector<float>(out.begin(), out.begin() + 4), (std::vector<float>{2, 0, 3, 1}));
}

TEST(Plan, MalformedTextsAreRefused) {
  for (const char *text :
       {"", "walk;means", "walk add min", "run", "sort 1", "sort 1 0 2", "sort 1 9999999",
        "sort -1 0", "unsort 1 0 0", "unsort 1 0", "means twice", "walk; ", "sort 1 0x"})
    EXPECT_FALSE(Plan::parse(text)) << text;
  std::string long_ = "walk";
  for (int i = 0; i < 2000; ++i)
    long_ += "; walk";
  EXPECT_FALSE(Plan::parse(long_));
}

} // namespace
} // namespace disco::runtime
