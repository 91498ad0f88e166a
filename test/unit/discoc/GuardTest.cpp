// Exit codes of what nobody expected.
#include "tools/discoc/Guard.h"

#include <gtest/gtest.h>
#include <stdexcept>

namespace disco::discoc {

namespace {

TEST(Guard, TheBodysOwnExitCode) {
  EXPECT_EQ(guarded("tool", [] { return 1; }), 1);
}

TEST(Guard, ABugIsExitCode70AndSaysSo) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(guarded("tool", []() -> int { throw std::logic_error("\x1b[2Jodd"); }), 70);
  EXPECT_EQ(testing::internal::GetCapturedStderr(),
            "tool: internal error: \\x1b[2Jodd; please report it with the input\n");
}

TEST(Guard, MemoryIsTheEnvironments) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(guarded("tool", []() -> int { throw std::bad_alloc(); }), 1);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "tool: error: out of memory\n");
}

} // namespace

} // namespace disco::discoc
