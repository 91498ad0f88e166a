// The task directory that `disco data` makes and every later command reads: where its parts lie,
// and its description `task.json`. Only names and small files; models are the trainer's.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <string>
#include <vector>

namespace disco::data {

/// Paths inside a task directory.
struct TaskPaths {
  std::string directory;
  std::string description() const { return directory + "/task.json"; }
  std::string model() const { return directory + "/model"; } // Hugging Face GPT-2 directory
  std::string tokenizer() const { return model() + "/tokenizer.json"; }
  std::string pairs() const { return directory + "/pairs.jsonl"; }
  /// `which` is "search" or "final".
  std::string prompts(const std::string &which) const {
    return directory + "/prompts_" + which + ".jsonl";
  }
  std::string reward() const { return directory + "/reward.bin"; } // LinearScorer, the gold reward
  std::string judge() const { return directory + "/judge.bin"; }   // LinearScorer, the second judge
  std::string cache() const { return directory + "/cache"; }
};

struct Task {
  TaskPaths paths;
  std::string name;     // "imdb" or "synthetic"
  int version = 0;      // of the directory's format
  std::string hash;     // SHA-256 over every part; two tasks with one hash give the same trainings
  int promptTokens = 0; // longest prompt, in tokens
  int completionTokens = 0; // longest completion, in tokens; what sampling is asked for
  double temperature = 1;   // of sampling, in making the pairs and in evaluation
  int pairs = 0;
};

/// Reads and checks `task.json`; a directory without one gets an error that says which command
/// makes it.
Result<Task> loadTask(const std::string &directory);
/// Writes `task.json`; the last step of making a task.
Result<void> saveTask(const Task &task);

struct Prompt {
  int64_t id = 0;
  std::string text;
};
/// Rows `{"id", "prompt"}`, in order.
Result<std::vector<Prompt>> readPrompts(const std::string &path);
Result<void> writePrompts(const std::string &path, const std::vector<Prompt> &prompts);

} // namespace disco::data
