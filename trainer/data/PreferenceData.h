// Preference pairs as text: rows `{"prompt", "chosen", "rejected"}` of a JSON Lines file, TRL's
// standard form with an explicit prompt, and the numbers beside them that an objective asks for.
// Checks and describes them; turning them into tokens is the trainer's.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace disco::data {

/// A number wanted of every row: the field of that name, or `fallback` in a row without it.
struct WantedColumn {
  std::string name;
  std::optional<double> fallback;
};

struct PreferencePair {
  std::string prompt, chosen, rejected;
  std::vector<double> columns{}; // in the order in which they were wanted
  bool operator==(const PreferencePair &) const = default;
};

/// All pairs of the file, in order. The first malformed row is an error naming `file:line` and the
/// field: a missing field, one that is not a string, an empty completion (`chosen` or `rejected`; a
/// prompt may be empty), a wanted column that is no number, beyond float32 (in which kernels
/// compute), or missing without a fallback. No rows at all is an error too.
Result<std::vector<PreferencePair>> readPreferencePairs(const std::string &path,
                                                        std::span<const WantedColumn> columns = {});

/// What a data set is like, to be looked at before training on it.
struct PreferenceStatistics {
  size_t pairs = 0;
  size_t identical = 0;  // chosen == rejected: no gradient under most objectives
  size_t duplicates = 0; // rows equal to an earlier row
  size_t conflicts = 0;  // rows whose swapped form appeared earlier
  double promptBytes = 0, chosenBytes = 0, rejectedBytes = 0; // means
  size_t longestBytes = 0;                                    // prompt + completion
  double chosenLonger = 0; // share of pairs whose chosen completion has more bytes
};
PreferenceStatistics describe(std::span<const PreferencePair> pairs);
/// One line for a person.
std::string toString(const PreferenceStatistics &statistics);

} // namespace disco::data
