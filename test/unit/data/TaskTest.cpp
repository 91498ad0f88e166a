// Descriptions and prompts written and read back; damaged ones are refused with their place.
#include "trainer/data/Task.h"
#include "Files.h"

using namespace disco;
using namespace disco::data;
using disco::test::TemporaryFolder;

namespace {

Task example(const std::string &folder) {
  Task task;
  task.paths.directory = folder;
  task.name = "synthetic";
  task.hash = "abc";
  task.promptTokens = 8;
  task.completionTokens = 24;
  task.pairs = 100;
  return task;
}

} // namespace

TEST(Task, ComesBackFromItsFile) {
  TemporaryFolder folder;
  ASSERT_TRUE(saveTask(example(folder.path())));
  Result<Task> task = loadTask(folder.path());
  ASSERT_TRUE(task) << task.error().message;
  EXPECT_EQ(task->name, "synthetic");
  EXPECT_EQ(task->hash, "abc");
  EXPECT_EQ(task->promptTokens, 8);
  EXPECT_EQ(task->completionTokens, 24);
  EXPECT_EQ(task->pairs, 100);
  EXPECT_EQ(task->paths.prompts("final"), folder / "prompts_final.jsonl");
}

TEST(Task, ProblemsAreNamed) {
  TemporaryFolder folder;
  EXPECT_EQ(loadTask(folder / "no").error().message,
            (folder / "no") +
                ": not a task: there is no task.json; make one with `disco data "
                "synthetic -o " +
                (folder / "no") + "` or `disco data imdb`");
  folder.write("task.json", "{\"version\": 99}");
  EXPECT_EQ(loadTask(folder.path()).error().message,
            (folder / "task.json") + ": version 99 of the format, this disco reads version 1; make "
                                     "the task again");
  folder.write("task.json", "{\"version\": 1, \"name\": 3}");
  EXPECT_EQ(loadTask(folder.path())
                .error()
                .message.find((folder / "task.json") + ": damaged description of a task: "),
            0u);
  Task task = example(folder.path());
  task.completionTokens = 0;
  ASSERT_TRUE(saveTask(task));
  EXPECT_FALSE(loadTask(folder.path()));
}

TEST(Prompts, ComeBackFromTheirFile) {
  TemporaryFolder folder;
  ASSERT_TRUE(writePrompts(folder / "p.jsonl", {{3, "the \"film\""}, {1, ""}}));
  Result<std::vector<Prompt>> prompts = readPrompts(folder / "p.jsonl");
  ASSERT_TRUE(prompts);
  ASSERT_EQ(prompts->size(), 2u);
  EXPECT_EQ((*prompts)[0].id, 3);
  EXPECT_EQ((*prompts)[0].text, "the \"film\"");
  folder.write("q.jsonl", "{\"id\":\"x\",\"prompt\":\"y\"}");
  EXPECT_EQ(readPrompts(folder / "q.jsonl").error().message,
            (folder / "q.jsonl") + ":1: field `id` must be an integer, it is string");
}
