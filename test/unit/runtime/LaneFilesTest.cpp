// The GPU lane's files and its judge: a lane that compares wrongly would agree with anything.
#include "tools/gpu/Artefacts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

using namespace disco;
using namespace disco::gpu;

namespace {
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

class LaneFilesTest : public ::testing::Test {
protected:
  std::string path(const std::string &name) const { return (folder_ / name).string(); }
  Result<Sections> read(const std::string &text) const {
    std::ofstream(path("numbers.txt")) << text;
    return readNumbers(path("numbers.txt"));
  }
  void SetUp() override { std::filesystem::create_directories(folder_); }
  void TearDown() override { std::filesystem::remove_all(folder_); }

private:
  std::filesystem::path folder_ =
      std::filesystem::path(::testing::TempDir()) /
      ("lane-files-" +
       std::string(::testing::UnitTest::GetInstance()->current_test_info()->name()));
};

TEST_F(LaneFilesTest, NumbersReadBackAsFloatsExactly) {
  const Sections sections = {{"one", {{"x", {1.0 / 3, -0.0, kInfinity}}, {"y", {}}}},
                             {"two", {{"x", {0x1.fffffep-1}}}}};
  ASSERT_TRUE(writeNumbers(path("n.txt"), sections));
  const auto back = readNumbers(path("n.txt"));
  ASSERT_TRUE(back) << back.error().message;
  ASSERT_EQ(back->size(), 2u);
  EXPECT_EQ(float((*back)[0].second.at("x")[0]), float(1.0 / 3));
  EXPECT_TRUE(std::signbit((*back)[0].second.at("x")[1]));
  EXPECT_EQ((*back)[0].second.at("x")[2], kInfinity);
  EXPECT_TRUE((*back)[0].second.at("y").empty());
  EXPECT_EQ(float((*back)[1].second.at("x")[0]), 0x1.fffffep-1f);
}

TEST_F(LaneFilesTest, BadRowsAreNamedByLine) {
  EXPECT_EQ(read("section a\nx 2 1 2\ny 2 1\n").error().message,
            path("numbers.txt") + ":3: row `y` says 2 numbers and has 1");
  EXPECT_EQ(read("section a\nx 1 one\n").error().message,
            path("numbers.txt") + ":2: `one` is no number");
  EXPECT_EQ(read("x 1 1\n").error().message,
            path("numbers.txt") + ":1: row `x` stands before the first section");
  EXPECT_EQ(read("section\n").error().message,
            path("numbers.txt") + ":1: is no row of a number file");
}

bool agrees(double expected, double bound, float actual) {
  return bool(compareRow({{"x", {expected}}, {"x.bound", {bound}}}, "x", &actual, 1));
}

TEST(LaneJudgeTest, HoldsEachNumberToItsBound) {
  EXPECT_TRUE(agrees(1, 0.25, 1.25f));
  EXPECT_FALSE(agrees(1, 0.25, 1.26f));
  EXPECT_FALSE(agrees(1, 0.25, float(kNaN)));
  EXPECT_TRUE(agrees(1, kInfinity, float(kNaN)));
}

TEST(LaneJudgeTest, NumbersThatAreNotFiniteMustBeTheSame) {
  EXPECT_TRUE(agrees(kNaN, 0, float(kNaN)));
  EXPECT_FALSE(agrees(kNaN, 0, 1));
  EXPECT_TRUE(agrees(-kInfinity, 0, -float(kInfinity)));
  EXPECT_FALSE(agrees(-kInfinity, 0, float(kInfinity)));
}

TEST(LaneJudgeTest, RowsOfAnotherSizeAreRefused) {
  const float actual[] = {1, 2};
  EXPECT_FALSE(compareRow({{"x", {1}}, {"x.bound", {1}}}, "x", actual, 2));
  EXPECT_FALSE(compareRow({{"x", {1, 2}}}, "x", actual, 2));
}

TEST(LaneJudgeTest, EntriesMustDeclareWhatTheRuntimePasses) {
  Artefact artefact;
  artefact.signature.objective = "thing";
  artefact.signature.inputs =
      artefact.signature.gradients = {"policy_chosen_logps", "policy_rejected_logps"};
  artefact.signature.parameters = {"beta"};
  const std::string head = ".visible .entry ";
  const std::string inputs = "(.param .u64 a, .param .u64 .ptr .align 1 b, .param .f32 c,\n";
  const std::string report = head + "report" + inputs +
                             ".param .u64 n, .param .u64 d, .param .u64 e, .param .u64 f, "
                             ".param .u64 g)\n{ ret; }\n";
  artefact.ptx = head + "gradient" + inputs +
                 ".param .u64 n, .param .u64 d, .param .u64 e, .param .u64 f)\n{ ret; }\n" + report;
  EXPECT_TRUE(checkEntries(artefact));
  artefact.ptx = head + "gradient" + inputs +
                 ".param .u32 n, .param .u64 d, .param .u64 e, .param .u64 f)\n{ ret; }\n" + report;
  EXPECT_EQ(checkEntries(artefact).error().message,
            "objective `thing`: entry `gradient` declares ppf?ppp, the runtime passes ppfpppp");
  artefact.ptx = report;
  EXPECT_EQ(checkEntries(artefact).error().message,
            "objective `thing`: entry `gradient` declares no entry, the runtime passes ppfpppp");
}
} // namespace
