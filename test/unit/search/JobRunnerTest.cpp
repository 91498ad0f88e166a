// Child processes: deadlines, groups, memory, environment, and answers that are none.
#include "trainer/search/JobRunner.h"

#include "TestRun.h"

#include <chrono>
#include <csignal>
#include <fstream>

namespace disco::search {
namespace {

using namespace std::chrono_literals;

trainer::JobSpec spec() {
  trainer::JobSpec spec;
  spec.objective = "objective a { loss = margin; }";
  spec.trainerConfig = "{}";
  spec.parameters["beta"] = 0.1;
  return spec;
}

/// Runs one job to its end.
JobRunner::Ended runJob(const TemporaryFolder &folder, const std::string &mode,
                        ChildProcess::Limits limits = {10s, 0}) {
  JobRunner runner({{FAKE_JOB, mode}, folder.path(), 1, limits});
  Result<void> started = runner.start("key", spec());
  EXPECT_TRUE(started) << started.error().message;
  for (int i = 0; i < 200; ++i) {
    Result<std::optional<JobRunner::Ended>> ended = runner.wait(100ms);
    EXPECT_TRUE(ended);
    if (*ended)
      return **ended;
  }
  ADD_FAILURE() << "the job never ended";
  return {};
}

bool alive(pid_t pid) {
  // A killed orphan may be a zombie until init has waited for it.
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(stat)), {});
  return !text.empty() && text.find(") Z") == std::string::npos;
}

TEST(JobRunner, ReturnsTheAnswerAndCleansUp) {
  TemporaryFolder folder;
  JobRunner::Ended ended = runJob(folder, "ok");
  ASSERT_TRUE(ended.result) << ended.failure;
  EXPECT_EQ(ended.result->status, trainer::JobResult::Status::Ok);
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(JobRunner, KillsTheWholeGroupAtTheDeadline) {
  TemporaryFolder folder;
  auto began = std::chrono::steady_clock::now();
  JobRunner::Ended ended = runJob(folder, "hang", {600ms, 0});
  EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
  EXPECT_FALSE(ended.result);
  EXPECT_NE(ended.failure.find("killed at its deadline"), std::string::npos) << ended.failure;
  std::ifstream log(folder / "key.log");
  int processes = 0;
  for (pid_t pid; log >> pid; ++processes) {
    for (int i = 0; i < 100 && alive(pid); ++i)
      usleep(10000);
    EXPECT_FALSE(alive(pid)) << pid;
  }
  EXPECT_EQ(processes, 3) << "the job and its two children";
}

TEST(JobRunner, DestroyingItLeavesNobodyBehind) {
  TemporaryFolder folder;
  std::vector<pid_t> pids;
  {
    JobRunner runner({{FAKE_JOB, "hang"}, folder.path(), 1, {60s, 0}});
    ASSERT_TRUE(runner.start("key", spec()));
    for (int i = 0; i < 500 && pids.size() < 3; ++i) {
      usleep(10000);
      pids.clear();
      std::ifstream log(folder / "key.log");
      for (pid_t pid; log >> pid;)
        pids.push_back(pid);
    }
  }
  ASSERT_EQ(pids.size(), 3u);
  for (pid_t pid : pids) {
    for (int i = 0; i < 100 && alive(pid); ++i)
      usleep(10000);
    EXPECT_FALSE(alive(pid));
  }
}

TEST(JobRunner, SaysHowAJobFailed) {
  TemporaryFolder folder;
  EXPECT_NE(runJob(folder, "crash").failure.find("ended by signal 6"), std::string::npos);
  EXPECT_EQ(runJob(folder, "garbage").failure, "job result: field `reason` is missing");
  EXPECT_NE(runJob(folder, "memory", {10s, 128u << 20}).failure.find("exit status 9"),
            std::string::npos);
}

// A key is no job's business; where the search keeps the code that it compiled is.
TEST(JobRunner, AJobsEnvironmentHasTheCacheAndNoKey) {
  TemporaryFolder folder;
  setenv("OPENAI_API_KEY", "canary", 1);
  setenv("DISCO_CACHE", "cache", 1);
  EXPECT_NE(runJob(folder, "environment").failure.find("exit status 7"), std::string::npos);
  unsetenv("DISCO_CACHE");
  unsetenv("OPENAI_API_KEY");
}

TEST(JobRunner, AProgramThatIsNotThereIsAFailureOfTheJob) {
  TemporaryFolder folder;
  JobRunner runner({{folder / "nothing"}, folder.path(), 1, {10s, 0}});
  ASSERT_TRUE(runner.start("key", spec()));
  Result<std::optional<JobRunner::Ended>> ended = runner.wait(5s);
  ASSERT_TRUE(ended && *ended);
  EXPECT_NE((*ended)->failure.find("cannot execute the program"), std::string::npos)
      << (*ended)->failure;
}

TEST(JobRunner, TextsInASpecAreDataOnly) {
  TemporaryFolder folder;
  JobRunner runner({{FAKE_JOB, "ok"}, folder.path(), 1, {10s, 0}});
  trainer::JobSpec hostile = spec();
  hostile.objective =
      "$(touch " + (folder / "owned") + "); `touch " + (folder / "owned") + "`; \"; rm -rf /";
  ASSERT_TRUE(runner.start("key", hostile));
  Result<std::optional<JobRunner::Ended>> ended = runner.wait(10s);
  ASSERT_TRUE(ended && *ended);
  EXPECT_FALSE(std::filesystem::exists(folder / "owned"));
}

} // namespace
} // namespace disco::search
