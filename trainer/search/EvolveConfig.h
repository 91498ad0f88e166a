// The settings of a search, read from YAML. Every key is listed once, in EvolveConfig.cpp; unknown
// keys are errors that name file and line. The keys under `train` and `short` are the trainer's,
// which checks them itself.
#pragma once

#include "dsl/support/Result.h"
#include "trainer/search/Score.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace disco::search {

/// An OpenAI-compatible chat server. The key is read from the environment variable OPENAI_API_KEY,
/// and is never written.
struct OpenAiConfig {
  std::string base_url = "https://api.openai.com/v1"; // http or https
  std::string model;
  double temperature = 0.8;
  int max_tokens = 1200;
  int timeout_s = 120; // of one request
  int max_retries = 2; // further attempts of one request
  std::string record;  // JSONL file that receives every answer, for `replay`; empty: none
};

struct ProposerShare {
  std::string name; // "grammar", "openai" or "replay"
  double share = 1; // of the slots, relative to the others
};

struct EvolveConfig {
  std::string task;                               // made by `disco data`
  std::string objectives = "grammars/objectives"; // folder of the objectives named below
  std::vector<std::string> seeds;                 // generation 0, besides the baselines
  std::vector<std::string> baselines = {"dpo", "hinge", "ipo", "kto_pair", "lrml"};
  uint64_t seed = 1;
  int workers = 2;             // trainings at once; results do not depend on it
  int threads = 1;             // of one training
  std::string engine = "host"; // "host" or "interpreter"
  int deadline_s = 120;        // wall time of one training, after which it is killed
  int memory_mb = 4096;        // private memory of one training
  std::vector<ProposerShare> proposers = {{"grammar", 1}};
  int generations = 5; // after generation 0
  int offspring = 12;  // candidates of a generation that reach training
  int attempts = 200;  // proposals a slot may use up before it stays empty
  int population = 10; // ranked candidates that proposers build on
  int finalists = 5;
  int final_seeds = 3;            // fresh seeds of every final training
  ScoreSettings short_score;      // target_kl, short_trainings, short_bracket_ratio
  ScoreSettings final_score;      // target_kl, final_trainings, final_bracket_ratio
  std::string train = "{}";       // JSON: settings of the final trainings
  std::string short_train = "{}"; // JSON: `train` with the overrides of `short`
  OpenAiConfig openai;
  std::string replay; // JSONL file of recorded answers
};

/// `place` names the text in errors. `checkTrain` is handed each set of training settings as JSON.
Result<EvolveConfig>
evolveConfigFromYaml(const std::string &text, const std::string &place,
                     const std::function<Result<void>(const std::string &)> &checkTrain);

/// What the results of a search depend on, as JSON: all but workers, threads, deadline, memory and
/// what concerns the server. A run goes on only under the same.
std::string searchIdentity(const EvolveConfig &config);

} // namespace disco::search
