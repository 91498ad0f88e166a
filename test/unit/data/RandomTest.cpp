// Known answers come from Random123's kat_vectors; distributions are tested by their moments at
// fixed seeds.
#include "trainer/data/Random.h"

#include <gtest/gtest.h>
#include <numeric>
#include <set>
#include <vector>

using namespace disco::data;

TEST(Philox, KnownAnswers) {
  using Block = std::array<uint32_t, 4>;
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Fnv1a, KnownAnswers) {
  EXPECT_EQ(fnv1a(""), 0xcbf29ce484222325u);
  EXPECT_EQ(fnv1a("a"), 0xaf63dc4c8601ec8cu);
  EXPECT_EQ(fnv1a("foobar"), 0x85944171f73967e8u);
}

TEST(Random, SameNameSameNumbers) {
  Random first(7, "stream", 3), second(7, "stream", 3);
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(first.next32(), second.next32());
}

TEST(Random, SeedStreamAndIndexAllMatter) {
  std::set<uint64_t> values;
  for (uint64_t seed : {0, 1})
    for (const char *stream : {"a", "b"})
      for (uint64_t index : {0, 1, 2})
        values.insert(Random(seed, stream, index).next64());
  EXPECT_EQ(values.size(), 12u);
}

TEST(Random, UniformHasItsMoments) {
  Random random(1, "uniform");
  double sum = 0, squares = 0;
  constexpr int n = 100000;
  for (int i = 0; i < n; ++i) {
    double x = random.uniform();
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / n, 0.5, 0.005); // 5 standard errors
  EXPECT_NEAR(squares / n, 1.0 / 3, 0.005);
}

TEST(Random, NormalHasItsMoments) {
  Random random(2, "normal");
  double sum = 0, squares = 0, fourth = 0;
  constexpr int n = 100000;
  for (int i = 0; i < n; ++i) {
    double x = random.normal();
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  EXPECT_NEAR(sum / n, 0, 0.016);
  EXPECT_NEAR(squares / n, 1, 0.025);
  EXPECT_NEAR(fourth / n, 3, 0.16);
}

TEST(Random, BelowIsUniform) {
  Random random(3, "below");
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i)
    ++counts[random.below(7)];
  for (int count : counts)
    EXPECT_NEAR(count, 10000, 500);
  EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, CategoricalFollowsWeights) {
  Random random(4, "categorical");
  std::vector<double> weights{0, 1, 0, 3, 0};
  std::vector<int> counts(weights.size());
  for (int i = 0; i < 40000; ++i)
    ++counts[random.categorical(std::span<const double>(weights))];
  EXPECT_EQ(counts[0] + counts[2] + counts[4], 0);
  EXPECT_NEAR(counts[3], 30000, 450);
}

TEST(Random, ShuffleIsAPermutationAndUniform) {
  std::vector<int> firsts(4);
  for (uint64_t i = 0; i < 8000; ++i) {
    std::vector<int> items{0, 1, 2, 3};
    Random(5, "shuffle", i).shuffle(std::span(items));
    ++firsts[size_t(items[0])];
    ASSERT_EQ(std::accumulate(items.begin(), items.end(), 0), 6);
    ASSERT_EQ(std::set<int>(items.begin(), items.end()).size(), 4u);
  }
  for (int count : firsts)
    EXPECT_NEAR(count, 2000, 200);
}
