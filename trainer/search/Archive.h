// Everything a search has done, in one SQLite file: each attempt with its verdict, each training
// with its result, each score. It is the only state of a run. A transaction is one finished thing,
// so a run killed anywhere goes on from the last of them, and nothing finished is lost. Reading is
// open to anybody; one process at a time writes.
#pragma once

#include "dsl/support/Result.h"
#include "trainer/Job.h"
#include "trainer/search/Score.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace disco::search {

/// One attempt of one slot. Numbers of generations, slots and attempts count from 0; generation 0
/// holds the baselines and seeds.
struct Candidate {
  int64_t id = 0; // given by the archive, in the order of the search
  int generation = 0, slot = 0, attempt = 0;
  std::string proposer; // "baseline", "seed", or a proposer's name
  std::string label;    // sanitised
  std::vector<int64_t> parents;
  std::string verdict; // verdictName of the funnel
  std::string reason;
  std::string diagnostics; // ids, separated by spaces
  std::string repairs;     // ids of the findings whose safe edits made the text valid
  std::string text;        // canonical, of valid ones
  std::string hash, codeHash;
};

enum class Stage : uint8_t { Short, Final };

/// The score of one candidate in one stage under one training seed, with the trainings it was read
/// off.
struct ScoreRow {
  int64_t candidate = 0;
  Stage stage = Stage::Short;
  uint64_t seed = 0;
  Score score;
  std::vector<std::pair<double, std::string>> trainings; // scale, job key
};

class Archive {
public:
  enum class Open : uint8_t { New, Resume };

  /// The run in `folder`, for writing. New: there must be none yet. Resume: there must be one with
  /// the same identity (the settings, task and trainer that decide its results). Errors: those,
  /// another process that writes, the file system.
  static Result<Archive> open(const std::string &folder, const std::string &identity, Open how);
  /// The run in `folder`, for reading, also while it is being written.
  static Result<Archive> read(const std::string &folder);
  Archive(Archive &&) noexcept;
  ~Archive();

  Result<void> addCandidate(const Candidate &candidate);
  Result<std::vector<Candidate>> candidates() const; // by id

  /// The result of a finished job. Jobs that failed for good have one too, with status Failed.
  Result<std::optional<trainer::JobResult>> result(const std::string &key) const;
  /// Counts one more attempt and returns how many there were before.
  Result<int> leaseJob(const std::string &key, const std::string &spec);
  Result<void> finishJob(const std::string &key, const trainer::JobResult &result);
  /// An attempt that gave no result; the job may be leased again.
  Result<void> releaseJob(const std::string &key, const std::string &failure);
  Result<int64_t> jobsFinished() const;

  /// All or none.
  Result<void> addScores(const std::vector<ScoreRow> &rows);
  Result<std::vector<ScoreRow>> scores() const; // by stage, candidate, seed

  Result<std::string> setting(const std::string &name) const; // empty when there is none
  Result<void> setSetting(const std::string &name, const std::string &value);

private:
  struct State;
  explicit Archive(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

} // namespace disco::search
