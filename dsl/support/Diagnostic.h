// Diagnostics: located findings about a text an author can edit. They are values, collected and
// then rendered; nothing here prints. Kinds and their stable ids are the rows of
// DiagnosticKinds.def.
#pragma once

#include "dsl/support/Source.h"

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace disco {

enum class Severity : uint8_t { Error, Warning };

enum class DiagnosticKind : uint8_t {
#define DISCO_DIAGNOSTIC(ID, SEVERITY, MEANING) ID,
#include "dsl/support/DiagnosticKinds.def"
};

/// The stable id printed in brackets, e.g. "UndeclaredName".
std::string_view diagnosticId(DiagnosticKind kind);
Severity diagnosticSeverity(DiagnosticKind kind);
/// One line on what the kind means, for documentation and for a model that repairs its proposal.
std::string_view diagnosticMeaning(DiagnosticKind kind);
std::span<const DiagnosticKind> allDiagnosticKinds();

struct Note {
  Span span;
  std::string message;
};

/// A replacement of source text. Safe edits keep what the author evidently meant and may be applied
/// without asking.
struct Edit {
  Span span;
  std::string replacement;
  bool safe = false;
};

struct Diagnostic {
  DiagnosticKind kind;
  Span span;
  std::string message;
  std::vector<Note> notes;
  std::vector<Edit> edits;
};

/// Collects findings up to a limit; further ones are counted, not kept.
class Diagnostics {
public:
  /// Returns the stored diagnostic so that notes and edits can be attached. Valid until the next
  /// report.
  Diagnostic &report(DiagnosticKind kind, Span span, std::string message);
  bool hasErrors() const { return errors_ > 0; }
  /// In source order; equal places keep the order of report.
  std::vector<Diagnostic> sorted() const;
  bool empty() const { return items_.empty(); }

private:
  std::vector<Diagnostic> items_;
  Diagnostic overflow_{}; // what report() returns once the limit is reached
  size_t errors_ = 0;
  size_t dropped_ = 0;
};

/// The text with the safe edits of the diagnostics applied; empty when there are none. Of
/// overlapping edits the first wins.
std::optional<std::string> applySafeEdits(const Source &source,
                                          std::span<const Diagnostic> diagnostics);

/// Text for a terminal: `name:line:column: error: message [Id]`, the line, a caret, then notes and
/// suggestions. Control characters and bytes outside ASCII in quoted text are escaped.
std::string renderDiagnostics(const Source &source, std::span<const Diagnostic> diagnostics);

} // namespace disco
