// Where candidates come from. A proposal is text and nothing more: whoever wrote it, it is only
// parsed.
#pragma once

#include "dsl/Program.h"
#include "dsl/support/Result.h"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

namespace disco::search {

/// A ranked candidate that a proposer may build on.
struct Individual {
  int64_t id = 0;   // of its row in the archive
  std::string text; // canonical
  dsl::Program program;
  double reward = 0; // at the target KL, on the search prompts
};

/// Names one proposal. Equal requests get equal answers from a deterministic proposer, so a resumed
/// run goes on as if it had not been interrupted.
struct ProposalRequest {
  uint64_t seed = 0; // of the run
  int generation = 0, slot = 0, attempt = 0;
  double targetKl = 0;
  std::span<const Individual> population; // best first, not empty
  /// Ids of the diagnostics that recent proposals met, most frequent first: what to avoid.
  std::span<const std::string> recentDiagnostics;
};

struct Proposal {
  std::string label;            // any text; sanitised before it is kept
  std::string text;             // `.dpo` text, or empty when the proposer gave no answer
  std::string problem;          // why there is no text; one line
  std::vector<int64_t> parents; // ids
};

class Proposer {
public:
  virtual ~Proposer() = default;
  virtual std::string name() const = 0;
  /// Proposals that one slot may ask for. Few where each costs money, and no limit of its own where
  /// it costs nothing.
  virtual int attemptsOfSlot() const { return std::numeric_limits<int>::max(); }
  /// An error means that the environment failed (a server is down, a file cannot be read): the run
  /// stops there and can be resumed. An unusable answer is not an error; it is a proposal with a
  /// problem.
  virtual Result<Proposal> propose(const ProposalRequest &request) = 0;
};

} // namespace disco::search
