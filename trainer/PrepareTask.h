// From labelled reviews to a task directory: tokenizer, gold reward, second judge, supervised
// model, preference pairs sampled from it, and prompts. Every step that is done is skipped when the
// same command runs again. Reading reviews is data's; no torch here.
#pragma once

#include "dsl/support/Result.h"
#include "trainer/TrainConfig.h"
#include "trainer/data/LinearScorer.h"
#include "trainer/data/Reviews.h"
#include "trainer/data/Task.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace disco::trainer {

/// How large a task's model and data are.
struct TaskSize {
  std::string name;
  int vocabulary, context, layers, width, heads; // of the model
  int sftTexts;                                  // first tokens of so many reviews are learnt ...
  TrainConfig sft;                               // ... like this
  int promptTokens;                              // longest prompt
  int completionTokens;                          // longest completion
  int pairPrompts;                               // each gives 4 completions, two pairs
  int evaluationPrompts;                         // of search and of final
};

/// The sizes by name, smallest first: "tiny" for tests, "micro" for the demo, "pico" for IMDb on
/// two cores.
const std::vector<TaskSize> &taskSizes();
/// Null when there is no such size.
const TaskSize *findTaskSize(const std::string &name);

struct PrepareOptions {
  std::string name;      // of the task
  std::string directory; // where it goes
  TaskSize size;
  uint64_t seed = 42;
  double requiredAccuracy = 0; // of a trained gold reward on the test reviews; less is an error
  std::function<void(const std::string &)> progress; // lines for a person
  std::function<bool()> stop;                        // asked between steps
};

/// Makes the task. `reward` is the gold reward when it is known; otherwise it is trained on the
/// training reviews. Deterministic in reviews, size and seed, on one machine with one number of
/// threads. Errors: a directory that holds a task made from other data or settings, a gold reward
/// below the required accuracy, a disk that does not take the files, `stop`.
Result<data::Task> prepareTask(const data::Reviews &reviews,
                               const std::optional<data::LinearScorer> &reward,
                               const PrepareOptions &options);

} // namespace disco::trainer
