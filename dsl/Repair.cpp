#include "dsl/Repair.h"

#include "dsl/Dsl.h"

namespace disco::dsl {

namespace {

/// One edit may bring out the next: a spelling, then a name, then a type. Nothing needs more than a
/// few.
constexpr int kRounds = 16;

} // namespace

Repair repair(const Source &source, const Library &library) {
  Repair result{source.text(), {}};
  for (int round = 0; round < kRounds; ++round) {
    const Source current(source.name(), result.text);
    Diagnostics found;
    compileSource(current, found, library);
    std::optional<std::string> edited = applySafeEdits(current, found.sorted(), &result.edits);
    if (!edited)
      break;
    result.text = std::move(*edited);
  }
  return result;
}

} // namespace disco::dsl
