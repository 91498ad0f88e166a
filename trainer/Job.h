// One training with its evaluation, as data: what the search asks for and what a child process
// answers. JSON on disk; the files are the whole interface between `disco evolve` and `disco job`.
// No torch here.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <map>
#include <string>

namespace disco::trainer {

/// Part of every job's key. Raise it whenever the same spec would train or score differently.
inline constexpr int kTrainerVersion = 2;

struct JobSpec {
  std::string objective;                    // canonical text of the objective, never a path
  std::map<std::string, double> parameters; // overrides of its defaults
  std::string task;                         // directory made by `disco data`
  std::string prompts = "search";           // which prompts score it: "search" or "final"
  std::string
      trainerConfig; // training settings as a JSON object, the keys of a recipe's `train:` section
  std::string engine = "host"; // "host" or "interpreter"
  uint64_t seed = 0;           // all randomness of the training and its evaluation derives from it
  int threads = 1;
};

struct JobResult {
  enum class Status : uint8_t { Ok, NonFinite, Failed };
  Status status = Status::Failed;
  std::string reason; // why it is not Ok; one line
  // Of the trained model on the chosen prompts; meaningful only when Ok.
  double reward = 0; // mean gold reward, P(positive) in [0, 1]
  double judge = 0;  // mean of the second judge, in [0, 1]
  double klPolicyReference =
      0; // KL(policy || reference), nats per token, over the vocabulary, on policy samples
  double klReferencePolicy =
      0; // KL(reference || policy), likewise (what DiscoPOP's CSV calls kl_divergence)
  double completionLength = 0; // mean tokens
  double firstLoss = 0, lastLoss = 0;
  double rewardAccuracy =
      0; // share of training pairs with chosen reward above rejected, last step logged
  int steps = 0;
  double seconds = 0; // wall time; not part of any decision
};

/// JSON both ways. Reading checks every field and names the one that is wrong.
std::string toJson(const JobSpec &spec);
std::string toJson(const JobResult &result);
Result<JobSpec> jobSpecFromJson(const std::string &text);
Result<JobResult> jobResultFromJson(const std::string &text);

/// Identity of a job for the fitness cache: (code hash, parameters, task hash, trainer config,
/// trainer version, prompts, seed). Engine and threads are not part of it.
std::string jobKey(const JobSpec &spec, const std::string &codeHash, const std::string &taskHash);

} // namespace disco::trainer
