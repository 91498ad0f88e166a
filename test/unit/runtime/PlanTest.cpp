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
float *stored(const Frame *frame, size_t array) {
  return static_cast<float *>(frame->stored[array]);
}

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
  std::copy(inputOf(frame) + begin, inputOf(frame) + end, stored(frame, 1) + begin);
}
void takeSorted(const Frame *frame, int64_t begin, int64_t end, double *) {
  std::copy(stored(frame, 0) + begin, stored(frame, 0) + end, outputOf(frame) + begin);
}
void storeRank(const Frame *frame, int64_t begin, int64_t end, double *) {
  for (int64_t i = begin; i < end; ++i)
    stored(frame, 3)[i] = float(i);
}
void takeBack(const Frame *frame, int64_t begin, int64_t end, double *) {
  std::copy(stored(frame, 2) + begin, stored(frame, 2) + end, outputOf(frame) + begin);
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

TEST(Plan, SortsDoublesAsDoubles) {
  const disco_walk_fn store = [](const Frame *frame, int64_t begin, int64_t end, double *) {
    const auto *from = static_cast<const double *>(frame->inputs[0]);
    std::copy(from + begin, from + end, static_cast<double *>(frame->stored[1]) + begin);
  };
  const disco_walk_fn take = [](const Frame *frame, int64_t begin, int64_t end, double *) {
    const auto *from = static_cast<const double *>(frame->stored[0]);
    std::copy(from + begin, from + end, static_cast<double *>(frame->outputs[0]) + begin);
  };
  const disco_walk_fn functions[] = {store, take};
  const double values[] = {1 + 1e-12, 1, 1 + 2e-12};
  double sorted[3];
  const void *inputs[] = {values};
  void *outputs[] = {sorted};
  Plan::parse("walk; sort 1 0; walk")
      ->run(functions, {.inputs = inputs, .pairs = 3, .outputs = outputs}, Dtype::Float64);
  EXPECT_EQ(std::vector<double>(sorted, sorted + 3),
            (std::vector<double>{1, 1 + 1e-12, 1 + 2e-12}));
}

// Chunks write and read their own part.
TEST(Plan, KeepsArraysBetweenWalks) {
  const disco_walk_fn write = [](const Frame *frame, int64_t begin, int64_t end, double *) {
    for (int64_t i = begin; i < end; ++i)
      static_cast<double *>(frame->stored[1])[i] = double(i) / 3;
  };
  const disco_walk_fn read = [](const Frame *frame, int64_t begin, int64_t end, double *sums) {
    sums[0] = 0;
    for (int64_t i = begin; i < end; ++i)
      sums[0] += static_cast<const double *>(frame->stored[1])[i];
  };
  const disco_walk_fn store = [](const Frame *frame, int64_t, int64_t, double *) {
    *static_cast<double *>(frame->outputs[0]) = frame->totals[0];
  };
  const disco_walk_fn functions[] = {write, read, store};
  const int64_t pairs = Plan::kChunk + 10;
  double total = 0;
  void *outputs[] = {&total};
  Plan::parse("keep 1; walk; walk add; means")
      ->run(functions, {.pairs = pairs, .outputs = outputs}, Dtype::Float64);
  EXPECT_NEAR(total, double(pairs) * double(pairs - 1) / 6, 1e-6);
}

/// Inputs are losses, and gradients after them.
void lossAndGradient(const Frame *frame, int64_t begin, int64_t end, double *sums) {
  sums[0] = sums[1] = 0;
  for (int64_t i = begin; i < end; ++i) {
    sums[0] += inputOf(frame)[i];
    sums[1] += static_cast<const float *>(frame->inputs[1])[i] * 0;
  }
}

TEST(Plan, SaysWhichPairIsTheFirstBadOne) {
  const disco_walk_fn walk = lossAndGradient;
  std::vector<float> losses(3 * Plan::kChunk + 5), gradients(losses.size());
  const auto bad = [&](ParallelFor parallel = nullptr) {
    const void *inputs[] = {losses.data(), gradients.data()};
    return Plan::parse("walk loss gradient")
        ->run(&walk, {.inputs = inputs, .pairs = int64_t(losses.size())}, Dtype::Float32, parallel);
  };
  EXPECT_EQ(bad().loss, -1);
  EXPECT_EQ(bad().gradient, -1);
  losses[Plan::kChunk + 7] = losses[2 * Plan::kChunk] = NAN;
  gradients[5] = gradients.back() = INFINITY;
  const ParallelFor inOrder = [](int64_t count, void (*body)(void *, int64_t), void *data) {
    for (int64_t i = 0; i < count; ++i)
      body(data, i);
  };
  for (ParallelFor parallel : {ParallelFor(nullptr), inOrder}) {
    EXPECT_EQ(bad(parallel).loss, Plan::kChunk + 7);
    EXPECT_EQ(bad(parallel).gradient, 5);
  }
  gradients[5] = 0;
  EXPECT_EQ(bad().gradient, int64_t(gradients.size()) - 1);
}

// The sum of many finite float64 losses may be infinite; no pair is to blame, until one is.
TEST(Plan, TellsALargeSumFromABadPair) {
  const disco_walk_fn walk = [](const Frame *frame, int64_t begin, int64_t end, double *sums) {
    sums[0] = 0;
    for (int64_t i = begin; i < end; ++i)
      sums[0] += static_cast<const double *>(frame->inputs[0])[i];
  };
  std::vector<double> losses(2 * Plan::kChunk, 1e308);
  const auto bad = [&] {
    const void *inputs[] = {losses.data()};
    return Plan::parse("walk loss")
        ->run(&walk, {.inputs = inputs, .pairs = int64_t(losses.size())}, Dtype::Float64);
  };
  EXPECT_EQ(bad().loss, -1);
  losses[Plan::kChunk + 3] = INFINITY;
  EXPECT_EQ(bad().loss, Plan::kChunk + 3);
}

// Chunks last to first, as no sensible scheduler would.
TEST(Plan, ChunksInAnyOrderGiveTheSameBits) {
  std::vector<float> values(5 * Plan::kChunk + 11);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(std::sin(double(i)) * std::exp(double(i % 40)));
  const disco_walk_fn sum = [](const Frame *frame, int64_t begin, int64_t end, double *sums) {
    sumAndMax(frame, begin, end, sums);
  };
  const disco_walk_fn store = [](const Frame *frame, int64_t, int64_t, double *) {
    *static_cast<double *>(frame->outputs[0]) = frame->totals[0];
  };
  const disco_walk_fn functions[] = {sum, store};
  const auto total = [&](ParallelFor parallel) {
    double result = 0;
    const void *inputs[] = {values.data()};
    void *outputs[] = {&result};
    Plan::parse("walk add max; means")
        ->run(functions, {.inputs = inputs, .pairs = int64_t(values.size()), .outputs = outputs},
              Dtype::Float32, parallel);
    return result;
  };
  const ParallelFor backwards = [](int64_t count, void (*body)(void *, int64_t), void *data) {
    while (count-- > 0)
      body(data, count);
  };
  EXPECT_EQ(total(backwards), total(nullptr));
}

TEST(Plan, MalformedTextsAreRefused) {
  for (const char *text : {"", "walk;means", "walk add min", "run", "sort 1", "sort 1 0 2",
                           "sort 1 9999999", "sort -1 0", "unsort 1 0 0", "unsort 1 0",
                           "means twice", "walk; ", "sort 1 0x", "keep", "keep 0 1", "keep 1024"})
    EXPECT_FALSE(Plan::parse(text)) << text;
  std::string long_ = "walk";
  for (int i = 0; i < 2000; ++i)
    long_ += "; walk";
  EXPECT_FALSE(Plan::parse(long_));
}

} // namespace
} // namespace disco::runtime
