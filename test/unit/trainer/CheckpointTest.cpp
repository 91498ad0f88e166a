// What a checkpoint must survive: interruption at any point, damage, and a resume that gives the
// same bits as never having stopped.
#include "trainer/Checkpoint.h"
#include "Fixtures.h"

#include <gtest/gtest.h>

#include <bit>
#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace disco::trainer {
namespace {

TrainConfig settings() {
  TrainConfig config;
  config.per_device_train_batch_size = 2;
  config.max_steps = 12;
  config.learning_rate = 1e-2;
  return config;
}

struct Training {
  ModelPtr model = createModel(smallConfig(), 7);
  PairSet pairs = randomPairs(8, *model);
  ClosedFormDpo objective;
  DpoTrainer trainer{*model, objective, pairs, settings()};

  void steps(int count) {
    for (int i = 0; i < count; ++i)
      trainer.step();
  }
  Result<void> save(const std::string &folder) {
    return saveCheckpoint(
        folder, {"identity", trainer.next(), trainer.tokensSeen(), 0, {}, trainer.states()},
        trainer.tensors());
  }
  /// The step it goes on from, or -1.
  int64_t load(const std::string &folder, std::string &warning) {
    auto state = loadCheckpoint(folder, "identity", trainer.tensors(), warning);
    if (!state || !*state)
      return -1;
    bool resumed = trainer.resumeAt((*state)->nextStep, (*state)->tokensSeen, (*state)->states);
    return resumed ? trainer.next() : -1;
  }
};

TEST(Checkpoint, ResumedTrainingIsBitwiseTheUninterruptedOne) {
  Training whole;
  whole.steps(12);
  for (int cut : {1, 5, 11}) {
    TemporaryFolder folder;
    Training first, second;
    first.steps(cut);
    ASSERT_TRUE(first.save(folder.path()));
    std::string warning;
    ASSERT_EQ(second.load(folder.path(), warning), cut);
    second.steps(12 - cut);
    EXPECT_EQ(stateBytes(second.trainer), stateBytes(whole.trainer)) << "cut at " << cut;
    EXPECT_EQ(second.trainer.tokensSeen(), whole.trainer.tokensSeen());
  }
}

TEST(Checkpoint, StatesComeBackBitForBit) {
  TemporaryFolder folder;
  Training run;
  const std::vector<double> states{0.1, -0.0, 5e-324, 1.0 / 3, 1.7976931348623157e308};
  ASSERT_TRUE(
      saveCheckpoint(folder.path(), {"identity", 1, 1, 0, {}, states}, run.trainer.tensors()));
  std::string warning;
  auto loaded = loadCheckpoint(folder.path(), "identity", run.trainer.tensors(), warning);
  ASSERT_TRUE(loaded && *loaded);
  ASSERT_EQ((*loaded)->states.size(), states.size());
  for (size_t i = 0; i < states.size(); ++i)
    EXPECT_EQ(std::bit_cast<uint64_t>((*loaded)->states[i]), std::bit_cast<uint64_t>(states[i]));
}

TEST(Checkpoint, NoCheckpointIsNotAnError) {
  TemporaryFolder folder;
  Training run;
  std::string warning;
  auto state = loadCheckpoint(folder.path(), "identity", run.trainer.tensors(), warning);
  ASSERT_TRUE(state);
  EXPECT_FALSE(*state);
}

TEST(Checkpoint, AnotherIdentityIsRefused) {
  TemporaryFolder folder;
  Training run;
  ASSERT_TRUE(run.save(folder.path()));
  std::string warning;
  auto state = loadCheckpoint(folder.path(), "other", run.trainer.tensors(), warning);
  ASSERT_FALSE(state);
  EXPECT_NE(state.error().message.find("another objective"), std::string::npos);
}

TEST(Checkpoint, ADamagedOneIsPassedOverForTheOneBefore) {
  TemporaryFolder folder;
  Training run;
  run.steps(1);
  ASSERT_TRUE(run.save(folder.path()));
  std::string good = stateBytes(run.trainer);
  run.steps(1);
  ASSERT_TRUE(run.save(folder.path()));
  std::string file = folder.path() + "/checkpoints/step-000000002/tensors.safetensors";
  {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(5000);
    stream.put('\x7f');
  }
  Training resumed;
  std::string warning;
  EXPECT_EQ(resumed.load(folder.path(), warning), 1);
  EXPECT_NE(warning.find("step-000000002"), std::string::npos);
  EXPECT_EQ(stateBytes(resumed.trainer), good);
}

TEST(Checkpoint, AFullDiskKeepsTheOneBefore) {
  TemporaryFolder folder;
  Training run;
  run.steps(1);
  ASSERT_TRUE(run.save(folder.path()));
  run.steps(1);
  // A limit on file sizes fails writes as a full disk does.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small{4096, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &small);
  auto saved = run.save(folder.path());
  setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(saved);
  EXPECT_NE(saved.error().message.find("step-000000002"), std::string::npos);
  Training resumed;
  std::string warning;
  EXPECT_EQ(resumed.load(folder.path(), warning), 1);
  EXPECT_EQ(warning, "");
}

TEST(Checkpoint, AProcessKilledWhileSavingLeavesASoundCheckpoint) {
  TemporaryFolder folder;
  Training run;
  run.steps(1);
  ASSERT_TRUE(run.save(folder.path()));
  for (int delay : {200, 700, 1500, 3000}) { // microseconds into a loop of saves
    pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0)
      for (int64_t step = 2;; ++step)
        if (!saveCheckpoint(folder.path(), {"identity", step, step, 0, {}, {}},
                            run.trainer.tensors()))
          _exit(1);
    ::usleep(static_cast<useconds_t>(delay * 10));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    Training resumed;
    std::string warning;
    EXPECT_GE(resumed.load(folder.path(), warning), 1) << "killed after " << delay;
    EXPECT_EQ(warning, "");
  }
}

} // namespace
} // namespace disco::trainer
