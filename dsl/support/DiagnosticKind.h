// The kinds of findings and what is known about each before any text is read: id, severity, group,
// meaning. Their list is DiagnosticKinds.def.
#pragma once

#include <bitset>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace disco {

enum class Severity : uint8_t { Error, Warning };

enum class DiagnosticKind : uint8_t {
#define DISCO_ERROR(ID, MEANING) ID,
#define DISCO_WARNING(ID, GROUP, MEANING) ID,
#include "dsl/support/DiagnosticKinds.def"
};

/// The stable id printed in brackets, e.g. "UndeclaredName".
std::string_view diagnosticId(DiagnosticKind kind);
Severity diagnosticSeverity(DiagnosticKind kind);
/// What -W calls a warning and its like; empty for an error.
std::string_view diagnosticGroup(DiagnosticKind kind);
/// One line on what the kind means, for documentation and for a model that repairs its proposal.
std::string_view diagnosticMeaning(DiagnosticKind kind);
std::span<const DiagnosticKind> allDiagnosticKinds();
/// Every group once, in the order of the list.
std::vector<std::string_view> warningGroups();

/// Which warnings are reported, and which of those are errors. At first all are, and none is.
class WarningPolicy {
public:
  /// What follows `-W`: `GROUP`, `error`, `error=GROUP`, or one of these after `no-`; `all` is
  /// every group. False for an unknown group. Later flags win.
  bool apply(std::string_view flag);

  bool isReported(DiagnosticKind kind) const { return !ignored_[size_t(kind)]; }
  Severity severity(DiagnosticKind kind) const {
    return raised_[size_t(kind)] ? Severity::Error : diagnosticSeverity(kind);
  }

private:
  std::bitset<256> ignored_, raised_; // by kind
};

} // namespace disco
