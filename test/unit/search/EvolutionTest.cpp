// Whole searches with fake trainings: the same archive whatever the workers, kills and repetitions.
#include "TestRun.h"

#include "dsl/Dsl.h"
#include "trainer/data/AtomicFile.h"
#include "trainer/data/Random.h"

#include <csignal>
#include <cstdio>
#include <set>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace disco::search {
namespace {

/// Starts the driver on a run; the caller waits for it.
pid_t startDriver(const std::string &config, const std::string &run, const std::string &mode,
                  bool resume) {
  std::vector<std::string> words{DRIVER, config, run, FAKE_JOB, mode};
  if (resume)
    words.push_back("--resume");
  std::vector<char *> argv;
  for (std::string &word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  EXPECT_EQ(posix_spawn(&pid, DRIVER, &quiet, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&quiet);
  return pid;
}

int waitFor(pid_t pid) {
  int status = 0;
  waitpid(pid, &status, 0);
  return status;
}

TEST(Evolution, FindsTrainsAndRanks) {
  TemporaryFolder folder;
  Result<RunOutcome> outcome = runFake(fakeRequest(folder, "run", smallConfig(folder)));
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_TRUE(outcome->complete);
  EXPECT_GT(outcome->trainings, 20);
  EXPECT_EQ(outcome->board.standings.size(), 5u + 2u) << "the baselines and the finalists";
  Result<Archive> archive = Archive::read(folder / "run");
  Result<std::vector<Candidate>> candidates = archive->candidates();
  size_t accepted = 0;
  for (const Candidate &candidate : *candidates)
    accepted += candidate.verdict == "accepted";
  EXPECT_EQ(accepted, 5u + 3u + 2u * 5u);
  EXPECT_TRUE(std::filesystem::is_empty(folder / "run/jobs"));
}

TEST(Evolution, TheNumberOfWorkersChangesNothing) {
  TemporaryFolder folder;
  std::string contents[3];
  int workers[] = {1, 2, 4};
  for (int i = 0; i < 3; ++i) {
    std::string run = "run" + std::to_string(i);
    Result<RunOutcome> outcome =
        runFake(fakeRequest(folder, run, smallConfig(folder, workers[i]), "slow"));
    ASSERT_TRUE(outcome) << outcome.error().message;
    contents[i] = archiveContent(folder / run);
  }
  EXPECT_GT(contents[0].size(), 10000u);
  EXPECT_EQ(contents[0], contents[1]);
  EXPECT_EQ(contents[0], contents[2]);
}

TEST(Evolution, KilledAnywhereItEndsTheSame) {
  TemporaryFolder folder;
  std::string config = folder / "search.yaml";
  ASSERT_TRUE(data::writeFileAtomically(config, smallConfig(folder)));
  auto began = std::chrono::steady_clock::now();
  ASSERT_EQ(waitFor(startDriver(config, folder / "whole", "slow", false)), 0);
  auto whole = std::chrono::steady_clock::now() - began;
  std::string expected = archiveContent(folder / "whole");

  data::Random random(7, "kills");
  int kills = 0;
  for (int round = 0; round < 6; ++round) {
    std::string run = folder / ("killed" + std::to_string(round));
    // Several kills a run, spread over what the whole takes; the last attempt is left alone.
    for (int attempt = 0; attempt < 7; ++attempt) {
      bool resume = std::filesystem::exists(run + "/archive.sqlite");
      pid_t pid = startDriver(config, run, "slow", resume);
      std::this_thread::sleep_for(whole * 0.5 * random.uniform());
      kill(pid, SIGKILL);
      kills += WIFSIGNALED(waitFor(pid));
    }
    int status =
        waitFor(startDriver(config, run, "slow", std::filesystem::exists(run + "/archive.sqlite")));
    ASSERT_EQ(status, 0);
    ASSERT_EQ(archiveContent(run), expected) << "round " << round;
  }
  EXPECT_GE(kills, 12) << "too few kills hit a running search to mean anything";
}

TEST(Evolution, AFinishedRunTrainsNothingAgain) {
  TemporaryFolder folder;
  RunRequest request = fakeRequest(folder, "run", smallConfig(folder));
  Result<RunOutcome> first = runFake(request);
  ASSERT_TRUE(first);
  std::string content = archiveContent(folder / "run");
  request.resume = true;
  Result<RunOutcome> second = runFake(request);
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(second->trainings, 0);
  EXPECT_EQ(archiveContent(folder / "run"), content);
  EXPECT_EQ(printLeaderboard(second->board, 0.1), printLeaderboard(first->board, 0.1));
}

TEST(Evolution, EveryObjectiveIsGivenToTheCompilerOnceBeforeItsStageTrains) {
  TemporaryFolder folder;
  RunRequest request = fakeRequest(folder, "run", smallConfig(folder));
  std::vector<std::vector<std::string>> stages;
  request.compileGeneration = [&](const std::vector<std::string> &texts) {
    stages.push_back(texts);
    EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()).size(), texts.size());
    for (const std::string &text : texts) {
      Diagnostics found;
      EXPECT_TRUE(dsl::compileSource(Source("<text>", text), found)) << text;
    }
  };
  ASSERT_TRUE(runFake(request));
  ASSERT_EQ(stages.size(), 4u); // the published, two generations of five, the final stage
  EXPECT_LE(stages[1].size(), 5u);
  EXPECT_GT(stages[1].size(), 0u);
}

TEST(Evolution, AStopIsResumable) {
  TemporaryFolder folder;
  ASSERT_TRUE(runFake(fakeRequest(folder, "whole", smallConfig(folder))));
  RunRequest request = fakeRequest(folder, "run", smallConfig(folder));
  std::atomic<bool> stop{false};
  request.observer = [&](const Progress &progress) {
    stop = progress.generation == 1 && progress.scored > 0;
  };
  Result<RunOutcome> stopped = runSearch(request, stop);
  ASSERT_TRUE(stopped);
  EXPECT_FALSE(stopped->complete);
  request.resume = true;
  request.observer = [](const Progress &) {};
  ASSERT_TRUE(runFake(request));
  EXPECT_EQ(archiveContent(folder / "run"), archiveContent(folder / "whole"));
}

TEST(Evolution, AHiccupOfAJobIsForgiven) {
  TemporaryFolder folder;
  ASSERT_TRUE(runFake(fakeRequest(folder, "calm", smallConfig(folder))));
  ASSERT_TRUE(runFake(fakeRequest(folder, "once", smallConfig(folder), "once")));
  EXPECT_EQ(archiveContent(folder / "calm"), archiveContent(folder / "once"));
}

TEST(Evolution, JobsThatAlwaysCrashEndTheRunWithTheirReason) {
  TemporaryFolder folder;
  Result<RunOutcome> outcome = runFake(fakeRequest(folder, "run", smallConfig(folder), "crash"));
  ASSERT_FALSE(outcome);
  EXPECT_NE(outcome.error().message.find("no published objective could be scored"),
            std::string::npos);
  EXPECT_NE(outcome.error().message.find("ended by signal 6"), std::string::npos)
      << outcome.error().message;
}

TEST(Evolution, ResumingUnderOtherSettingsIsRefused) {
  TemporaryFolder folder;
  RunRequest request = fakeRequest(folder, "run", smallConfig(folder));
  ASSERT_TRUE(runFake(request));
  request.resume = true;
  request.configText = smallConfig(folder, 4); // the number of workers is no matter
  EXPECT_TRUE(runFake(request));
  std::string other = request.configText;
  other.replace(other.find("target_kl: 0.1"), 14, "target_kl: 0.2");
  request.configText = other;
  EXPECT_FALSE(runFake(request));
}

TEST(Evolution, ReplayRepeatsRecordedAnswers) {
  TemporaryFolder folder;
  std::string recorded;
  for (int slot = 0; slot < 5; ++slot)
    recorded +=
        R"({"generation": 1, "slot": )" + std::to_string(slot) +
        R"(, "attempt": 0, "name": "../../etc/passwd", "objective": "objective x { param beta = 0.1 in [0.001, 10] log; )"
        R"(loss = softplus(-beta * margin) + )" +
        std::to_string(slot + 1) + R"( * square(beta * margin); }"})" + "\n";
  ASSERT_TRUE(data::writeFileAtomically(folder / "answers.jsonl", recorded));
  std::string config = smallConfig(
      folder, 2, "proposers: {replay: 1}\nreplay: {file: " + (folder / "answers.jsonl") + "}\n");
  Result<RunOutcome> outcome = runFake(fakeRequest(folder, "run", config));
  ASSERT_TRUE(outcome) << outcome.error().message;
  Result<Archive> archive = Archive::read(folder / "run");
  size_t accepted = 0, empty = 0;
  Result<std::vector<Candidate>> candidates = archive->candidates();
  for (const Candidate &candidate : *candidates)
    if (candidate.proposer == "replay") {
      accepted += candidate.verdict == "accepted";
      empty += candidate.verdict == "no_answer";
      if (candidate.verdict == "accepted") {
        EXPECT_EQ(candidate.label, "etc_passwd");
      }
    }
  EXPECT_EQ(accepted, 5u);
  EXPECT_EQ(empty, 5u * 4u) << "generation 2 is not recorded";
}

} // namespace
} // namespace disco::search
