// The front of the funnel: what every proposal must pass before a training is spent on it, cheapest
// first. Texts go in, checked programs or reasons come out. It rejects what cannot train, never
// what merely looks unusual.
#pragma once

#include "dsl/Interpreter.h"
#include "dsl/Program.h"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace disco::search {

enum class Verdict : uint8_t {
  Accepted,
  NoAnswer,   // the proposer had no text
  Invalid,    // does not parse or check
  NoColumn,   // reads a column without default, and a search supplies none
  Duplicate,  // the same loss as an earlier candidate
  NonFinite,  // a probe gave a non-finite loss or gradient in float32
  NoGradient, // no probe at step 0 moves the policy, so training would never start
  NoScale,    // neither a `beta` nor a margin to scale, so no score can be found
};
std::string_view verdictName(Verdict verdict);

struct Screened {
  Verdict verdict = Verdict::Invalid;
  std::string reason;                     // one line; empty when accepted
  std::vector<std::string> diagnosticIds; // of an invalid text
  std::optional<dsl::Program> program;    // of every valid text
  std::vector<std::string> repairs;       // ids of the findings whose safe edits made it valid
  std::string text;                       // canonical print of a valid text
  std::string hash, codeHash;
};

class Funnel {
public:
  /// A text that safe edits make valid (dsl/Repair.h) is screened as if it had been written so. An
  /// accepted text is remembered: its like is a duplicate from then on.
  Screened screen(const std::string &text);
  /// Candidates accepted earlier, before a resume.
  void remember(const std::string &hash) { known_.insert(hash); }

private:
  std::unordered_set<std::string> known_;
};

/// The default parameters, except that `beta` is bound to one value for all: the score searches it,
/// so its default makes no other candidate.
std::vector<double> candidateParameters(const dsl::Program &program);
/// `dsl::hash` at those parameters.
std::string candidateHash(const dsl::Program &program);

/// The probes alone: Accepted, NonFinite or NoGradient, and the reason. Fixed points, float32 mode:
/// every margin from 0 to
/// +-200 with common drift to +-100 and short to long completions, in one batch, as single pairs
/// and as a batch of two, and step 0, where policy and reference agree exactly. Nothing is asked of
/// signs or monotonicity: the best published discovered loss, LRML, rises with the margin around 0.
Verdict probe(const dsl::Program &program, std::string &reason);

} // namespace disco::search
