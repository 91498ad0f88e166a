// See Archive.h. All SQL is fixed text with bound values.
#include "trainer/search/Archive.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <nlohmann/json.hpp>
#include <sqlite3.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iterator>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace disco::search {
namespace {

constexpr const char *kFormat = "2";
constexpr const char *kSchema = R"sql(
  CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE candidates (
    id INTEGER PRIMARY KEY, generation INTEGER NOT NULL, slot INTEGER NOT NULL, attempt INTEGER NOT NULL,
    proposer TEXT NOT NULL, label TEXT NOT NULL, parents TEXT NOT NULL, verdict TEXT NOT NULL, reason TEXT NOT NULL,
    diagnostics TEXT NOT NULL, repairs TEXT NOT NULL, text TEXT NOT NULL, hash TEXT NOT NULL, code_hash TEXT NOT NULL,
    UNIQUE (generation, slot, attempt));
  CREATE TABLE jobs (
    key TEXT PRIMARY KEY, state TEXT NOT NULL CHECK (state IN ('pending', 'running', 'finished')),
    attempts INTEGER NOT NULL, spec TEXT NOT NULL, failure TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE results (key TEXT PRIMARY KEY REFERENCES jobs, result TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE scores (
    candidate INTEGER NOT NULL REFERENCES candidates, stage INTEGER NOT NULL, seed INTEGER NOT NULL,
    ranked INTEGER NOT NULL, reason TEXT NOT NULL, reward REAL NOT NULL, judge REAL NOT NULL, scale REAL NOT NULL,
    kl_below REAL NOT NULL, kl_above REAL NOT NULL, PRIMARY KEY (candidate, stage, seed)) WITHOUT ROWID;
  CREATE TABLE trainings (
    candidate INTEGER NOT NULL REFERENCES candidates, stage INTEGER NOT NULL, seed INTEGER NOT NULL,
    scale REAL NOT NULL, key TEXT NOT NULL REFERENCES results, PRIMARY KEY (candidate, stage, seed, scale)) WITHOUT ROWID;
)sql";

std::string archivePath(const std::string &folder) { return folder + "/archive.sqlite"; }

/// A lock that ends with the process. -1: somebody else holds it or, with errno set, it cannot be
/// made.
int lockFolder(const std::string &folder) {
  int descriptor =
      open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor >= 0 && flock(descriptor, LOCK_EX | LOCK_NB) < 0) {
    int problem = errno;
    close(descriptor);
    errno = problem;
    return -1;
  }
  return descriptor;
}

Candidate readCandidate(SQLite::Statement &row) {
  Candidate candidate;
  candidate.id = row.getColumn(0).getInt64();
  candidate.generation = row.getColumn(1).getInt();
  candidate.slot = row.getColumn(2).getInt();
  candidate.attempt = row.getColumn(3).getInt();
  candidate.proposer = row.getColumn(4).getString();
  candidate.label = row.getColumn(5).getString();
  candidate.parents =
      nlohmann::json::parse(row.getColumn(6).getString()).get<std::vector<int64_t>>();
  std::string *texts[] = {&candidate.verdict, &candidate.reason, &candidate.diagnostics,
                          &candidate.repairs, &candidate.text,   &candidate.hash,
                          &candidate.codeHash};
  for (size_t i = 0; i < std::size(texts); ++i)
    *texts[i] = row.getColumn(static_cast<int>(7 + i)).getString();
  return candidate;
}

} // namespace

struct Archive::State {
  std::string path;
  int lock = -1;
  std::unique_ptr<SQLite::Database> database;

  ~State() {
    database.reset();
    if (lock >= 0)
      close(lock);
  }

  Error error(const std::exception &exception) const {
    auto *sqlite = dynamic_cast<const SQLite::Exception *>(&exception);
    int code = sqlite ? sqlite->getErrorCode() : 0;
    std::string what = path + ": " + exception.what();
    if (code == SQLITE_FULL || code == SQLITE_IOERR)
      what += "; free some space and go on with --resume, nothing that was finished is lost";
    return Error{what};
  }

  /// Runs `body`; what SQLite or a damaged row throws becomes an Error naming the file.
  template <typename Body> auto guarded(Body body) const -> Result<decltype(body())> {
    try {
      if constexpr (std::is_void_v<decltype(body())>) {
        body();
        return {};
      } else {
        return body();
      }
    } catch (const std::exception &exception) {
      return error(exception);
    }
  }
};

Archive::Archive(std::unique_ptr<State> state) : state_(std::move(state)) {}
Archive::Archive(Archive &&) noexcept = default;
Archive::~Archive() = default;

Result<Archive> Archive::open(const std::string &folder, const std::string &identity, Open how) {
  auto state = std::make_unique<State>();
  state->path = archivePath(folder);
  state->lock = lockFolder(folder);
  if (state->lock < 0 && errno == EWOULDBLOCK)
    return Error{folder + ": another `disco evolve` is at work on this run; wait for it or choose "
                          "another folder with -o"};
  if (state->lock < 0)
    return Error{folder + "/lock: " + std::strerror(errno)};
  bool exists = std::filesystem::exists(state->path);
  if (how == Open::Resume && !exists)
    return Error{folder + ": there is no run to resume; leave out --resume to start one"};
  Result<void> ready = state->guarded([&] {
    state->database = std::make_unique<SQLite::Database>(
        state->path, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, 10000);
    SQLite::Database &database = *state->database;
    database.exec("PRAGMA trusted_schema = OFF");
    database.exec("PRAGMA foreign_keys = ON");
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    SQLite::Transaction transaction(database);
    if (!database.tableExists("settings")) { // new, or killed before its first commit
      database.exec(kSchema);
      SQLite::Statement insert(database,
                               "INSERT INTO settings VALUES ('format', ?), ('identity', ?)");
      insert.bind(1, kFormat);
      insert.bind(2, identity);
      insert.exec();
      exists = false;
    }
    // This process holds the lock, so whoever ran these jobs is gone. The interruption is not
    // theirs to answer for.
    database.exec(
        "UPDATE jobs SET state = 'pending', attempts = attempts - 1 WHERE state = 'running'");
    transaction.commit();
  });
  if (!ready)
    return ready.error();
  if (how == Open::New && exists)
    return Error{
        folder +
        ": there is a run already; go on with it by --resume or choose another folder with -o"};
  Archive archive(std::move(state));
  Result<std::string> format = archive.setting("format"), recorded = archive.setting("identity");
  if (!format || !recorded)
    return (format ? recorded : format).error();
  if (*format != kFormat)
    return Error{archivePath(folder) + ": written by another version of disco"};
  if (*recorded != identity)
    return Error{folder +
                 ": the run was started with other settings, task or trainer; resume it with the "
                 "same, or start " +
                 "another with -o"};
  return archive;
}

Result<Archive> Archive::read(const std::string &folder) {
  auto state = std::make_unique<State>();
  state->path = archivePath(folder);
  if (!std::filesystem::exists(state->path))
    return Error{folder + ": there is no run here; `disco evolve -o " + folder + "` makes one"};
  Result<void> ready = state->guarded([&] {
    state->database = std::make_unique<SQLite::Database>(state->path, SQLite::OPEN_READONLY, 10000);
    state->database->exec("PRAGMA trusted_schema = OFF");
  });
  if (!ready)
    return ready.error();
  Archive archive(std::move(state));
  if (Result<std::string> format = archive.setting("format"); !format || *format != kFormat)
    return Error{archivePath(folder) + ": not a run of this version of disco"};
  return archive;
}

Result<void> Archive::addCandidate(const Candidate &candidate) {
  return state_->guarded([&] {
    SQLite::Statement insert(*state_->database,
                             "INSERT INTO candidates (generation, slot, attempt, proposer, label, "
                             "parents, verdict, reason, diagnostics, repairs, text, hash, "
                             "code_hash) "
                             "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    insert.bind(1, candidate.generation);
    insert.bind(2, candidate.slot);
    insert.bind(3, candidate.attempt);
    insert.bind(4, candidate.proposer);
    insert.bind(5, candidate.label);
    insert.bind(6, nlohmann::json(candidate.parents).dump());
    insert.bind(7, candidate.verdict);
    insert.bind(8, candidate.reason);
    insert.bind(9, candidate.diagnostics);
    insert.bind(10, candidate.repairs);
    insert.bind(11, candidate.text);
    insert.bind(12, candidate.hash);
    insert.bind(13, candidate.codeHash);
    insert.exec();
  });
}

Result<std::vector<Candidate>> Archive::candidates() const {
  return state_->guarded([&] {
    std::vector<Candidate> candidates;
    SQLite::Statement rows(
        *state_->database,
        "SELECT id, generation, slot, attempt, proposer, label, parents, verdict, "
        "reason, diagnostics, repairs, text, hash, code_hash FROM candidates ORDER BY id");
    while (rows.executeStep())
      candidates.push_back(readCandidate(rows));
    return candidates;
  });
}

Result<std::optional<trainer::JobResult>> Archive::result(const std::string &key) const {
  using Found = std::optional<trainer::JobResult>;
  Result<std::string> text = state_->guarded([&] {
    SQLite::Statement row(*state_->database, "SELECT result FROM results WHERE key = ?");
    row.bind(1, key);
    return row.executeStep() ? row.getColumn(0).getString() : std::string();
  });
  if (!text)
    return text.error();
  if (text->empty())
    return Found();
  Result<trainer::JobResult> result = trainer::jobResultFromJson(*text);
  if (!result)
    return Error{state_->path + ": result of job " + key + ": " + result.error().message};
  return Found(*result);
}

Result<int> Archive::leaseJob(const std::string &key, const std::string &spec) {
  return state_->guarded([&] {
    SQLite::Statement lease(
        *state_->database,
        "INSERT INTO jobs VALUES (?, 'running', 1, ?, '') "
        "ON CONFLICT (key) DO UPDATE SET state = 'running', attempts = attempts + 1 "
        "RETURNING attempts");
    lease.bind(1, key);
    lease.bind(2, spec);
    lease.executeStep();
    int attempts = lease.getColumn(0).getInt();
    lease.executeStep(); // to its end, which commits it
    return attempts - 1;
  });
}

Result<void> Archive::finishJob(const std::string &key, const trainer::JobResult &result) {
  return state_->guarded([&] {
    SQLite::Transaction transaction(*state_->database);
    SQLite::Statement insert(*state_->database, "INSERT INTO results VALUES (?, ?)");
    insert.bind(1, key);
    insert.bind(2, trainer::toJson(result));
    insert.exec();
    SQLite::Statement update(*state_->database, "UPDATE jobs SET state = 'finished' WHERE key = ?");
    update.bind(1, key);
    update.exec();
    transaction.commit();
  });
}

Result<void> Archive::releaseJob(const std::string &key, const std::string &failure) {
  return state_->guarded([&] {
    SQLite::Statement update(*state_->database,
                             "UPDATE jobs SET state = 'pending', failure = ? WHERE key = ?");
    update.bind(1, failure);
    update.bind(2, key);
    update.exec();
  });
}

Result<int64_t> Archive::jobsFinished() const {
  return state_->guarded([&] {
    SQLite::Statement count(*state_->database, "SELECT count(*) FROM results");
    count.executeStep();
    return count.getColumn(0).getInt64();
  });
}

Result<void> Archive::addScores(const std::vector<ScoreRow> &rows) {
  return state_->guarded([&] {
    SQLite::Transaction transaction(*state_->database);
    SQLite::Statement insert(*state_->database,
                             "INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    SQLite::Statement training(*state_->database, "INSERT INTO trainings VALUES (?, ?, ?, ?, ?)");
    for (const ScoreRow &row : rows) {
      insert.bind(1, row.candidate);
      insert.bind(2, static_cast<int>(row.stage));
      insert.bind(3, static_cast<int64_t>(row.seed));
      insert.bind(4, row.score.ranked ? 1 : 0);
      insert.bind(5, row.score.reason);
      const double numbers[] = {row.score.reward, row.score.judge, row.score.scale,
                                row.score.klBelow, row.score.klAbove};
      for (size_t i = 0; i < std::size(numbers); ++i)
        insert.bind(static_cast<int>(6 + i), numbers[i]);
      insert.exec();
      insert.reset();
      for (const auto &[scale, key] : row.trainings) {
        training.bind(1, row.candidate);
        training.bind(2, static_cast<int>(row.stage));
        training.bind(3, static_cast<int64_t>(row.seed));
        training.bind(4, scale);
        training.bind(5, key);
        training.exec();
        training.reset();
      }
    }
    transaction.commit();
  });
}

Result<std::vector<ScoreRow>> Archive::scores() const {
  return state_->guarded([&] {
    std::vector<ScoreRow> scores;
    SQLite::Statement rows(*state_->database,
                           "SELECT candidate, stage, seed, ranked, reason, reward, judge, scale, "
                           "kl_below, kl_above FROM scores ORDER BY stage, candidate, seed");
    SQLite::Statement trainings(*state_->database,
                                "SELECT scale, key FROM trainings "
                                "WHERE candidate = ? AND stage = ? AND seed = ? ORDER BY scale");
    while (rows.executeStep()) {
      ScoreRow row;
      row.candidate = rows.getColumn(0).getInt64();
      row.stage = static_cast<Stage>(rows.getColumn(1).getInt());
      row.seed = static_cast<uint64_t>(rows.getColumn(2).getInt64());
      row.score.ranked = rows.getColumn(3).getInt() != 0;
      row.score.reason = rows.getColumn(4).getString();
      double *numbers[] = {&row.score.reward, &row.score.judge, &row.score.scale,
                           &row.score.klBelow, &row.score.klAbove};
      for (size_t i = 0; i < std::size(numbers); ++i)
        *numbers[i] = rows.getColumn(static_cast<int>(5 + i)).getDouble();
      trainings.bind(1, row.candidate);
      trainings.bind(2, static_cast<int>(row.stage));
      trainings.bind(3, static_cast<int64_t>(row.seed));
      while (trainings.executeStep())
        row.trainings.emplace_back(trainings.getColumn(0).getDouble(),
                                   trainings.getColumn(1).getString());
      trainings.reset();
      scores.push_back(std::move(row));
    }
    return scores;
  });
}

Result<std::string> Archive::setting(const std::string &name) const {
  return state_->guarded([&] {
    SQLite::Statement row(*state_->database, "SELECT value FROM settings WHERE name = ?");
    row.bind(1, name);
    return row.executeStep() ? row.getColumn(0).getString() : std::string();
  });
}

Result<void> Archive::setSetting(const std::string &name, const std::string &value) {
  return state_->guarded([&] {
    SQLite::Statement insert(*state_->database,
                             "INSERT INTO settings VALUES (?, ?) "
                             "ON CONFLICT (name) DO UPDATE SET value = excluded.value");
    insert.bind(1, name);
    insert.bind(2, value);
    insert.exec();
  });
}

} // namespace disco::search
