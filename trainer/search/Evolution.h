// The search itself: generation 0 is what is published, later generations are proposals that passed
// the funnel, each scored by short trainings; the best and the baselines are then trained again in
// full, on fresh seeds and unseen prompts. Everything it does goes through the archive, in the
// order (generation, slot, attempt), so a resumed run ends as an uninterrupted one would have.
#pragma once

#include "trainer/search/Evaluator.h"
#include "trainer/search/EvolveConfig.h"
#include "trainer/search/Funnel.h"
#include "trainer/search/Proposer.h"

namespace disco::search {

/// What a person watching is told.
struct Progress {
  Stage stage = Stage::Short;
  int generation = 0, generations = 0;
  size_t scored = 0, toScore = 0; // candidates of this generation, or of the final stage
  int64_t trainings = 0;          // run so far by this process
  std::string best;               // label
  double bestReward = 0;          // of the best so far; 0: none yet
};

class Evolution {
public:
  struct Parts {
    Archive &archive;
    JobRunner &runner;
    std::map<std::string, std::unique_ptr<Proposer>>
        proposers; // by name; those that the settings give a share
    std::string taskHash;
    std::function<void(const Progress &)> observer;
    const std::atomic<bool> &stop;
    /// Told the texts of all objectives that are about to be trained, so that they can be compiled
    /// at once. May be empty.
    std::function<void(const std::vector<std::string> &)> compileGeneration = {};
  };
  Evolution(EvolveConfig config, Parts parts);

  /// True when the search is complete, false when it was stopped.
  Result<bool> run();
  int64_t trainingsRun() const { return evaluator_.trainingsRun(); }

private:
  struct Member {
    Candidate row;
    std::optional<dsl::Program> program; // of accepted ones
    std::optional<Score> score;          // of the short stage
  };
  Result<void> load();
  Result<void> addPublished();
  Result<bool> fillGeneration(int generation);
  Result<bool> fillSlot(int generation, int slot, std::span<const Individual> population,
                        std::span<const std::string> diagnostics);
  Result<void> record(Candidate row, const Screened &screened);
  Result<bool> scoreGeneration(int generation);
  Result<bool> scoreFinalists();
  Result<bool> evaluate(std::vector<Evaluator::Task> tasks, Progress progress);
  std::vector<const Member *> ranking() const;
  std::vector<Individual> population() const;
  std::vector<std::string> diagnosticsBefore(int generation) const;
  Evaluator::Task task(const Member &member, Stage stage, uint64_t seed) const;

  EvolveConfig config_;
  Parts parts_;
  Evaluator evaluator_;
  Funnel funnel_;
  std::vector<Member> members_; // by id
};

} // namespace disco::search
