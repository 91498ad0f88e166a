// Everything discoc says on standard error, as text or as one JSON array.
#pragma once

#include "dsl/support/Diagnostic.h"
#include "dsl/support/Result.h"

#include <string>
#include <vector>

namespace disco::discoc {

class Reporter {
public:
  explicit Reporter(bool json) : json_(json) {}

  void report(const Source &source, const Diagnostics &diagnostics);
  /// An edit that was made in the source.
  void report(const Source &source, const AppliedEdit &edit);
  /// An error without a place in a source text.
  void report(const Error &error);
  /// Writes what is still to be written; in JSON an array even when there is nothing in it.
  void finish();

private:
  bool json_;
  std::vector<std::string> entries_; // JSON objects
};

} // namespace disco::discoc
