// Safe edits applied until none is left: what `discoc --fix` does to a file and the search to an
// answer.
#pragma once

#include "dsl/Library.h"
#include "dsl/support/Diagnostic.h"

#include <string>
#include <vector>

namespace disco::dsl {

struct Repair {
  std::string text;
  std::vector<AppliedEdit> edits; // in the order they were made
};

/// The text after its safe edits, and after those that the result calls for, and so on. Bounded:
/// a text that still has some after 16 rounds is left as it is then.
Repair repair(const Source &source, const Library &library = Library());

} // namespace disco::dsl
