// Where `use NAME` finds objectives: those shipped with Disco, which are part of the program, and
// the NAME.dpo files of folders that the user named. A text gives names only, never a path.
#pragma once

#include "dsl/support/Result.h"
#include "dsl/support/Source.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace disco::dsl {

/// An objective that is shipped, made from grammars/objectives by the build.
struct ShippedObjective {
  std::string_view name, text;
};

class Library {
public:
  static std::span<const ShippedObjective> shipped();

  explicit Library(std::vector<std::string> folders = {}) : folders_(std::move(folders)) {}

  /// Every text of that name, files that cannot be read as errors; copies of one text count once.
  /// The name is one of the language (SPEC L4).
  std::vector<Result<Source>> find(std::string_view name) const;

private:
  std::vector<std::string> folders_;
};

} // namespace disco::dsl
