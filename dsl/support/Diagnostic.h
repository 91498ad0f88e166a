// Diagnostics: located findings about a text an author can edit. They are values, collected and
// then rendered; nothing here prints.
#pragma once

#include "dsl/support/DiagnosticKind.h"
#include "dsl/support/Source.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace disco {

struct Note {
  Span span;
  std::string message;
  std::shared_ptr<const Source> source = nullptr; // of the place; none: the text being compiled
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
  Severity severity = Severity::Error;            // of the kind, unless a WarningPolicy raised it
  std::shared_ptr<const Source> source = nullptr; // of the place; none: the text being compiled
};

/// Collects findings up to a limit; further ones are counted, not kept.
class Diagnostics {
public:
  explicit Diagnostics(WarningPolicy policy = {}) : policy_(policy) {}

  /// Returns the stored diagnostic so that notes and edits can be attached. Valid until the next
  /// report.
  Diagnostic &report(DiagnosticKind kind, Span span, std::string message);
  bool hasErrors() const { return errors_ > 0; }
  /// In source order, those of other sources last; equal places keep the order of report.
  std::vector<Diagnostic> sorted() const;
  bool empty() const { return items_.empty(); }

private:
  WarningPolicy policy_;
  std::vector<Diagnostic> items_;
  Diagnostic unkept_{}; // what report() returns for what is not kept
  size_t errors_ = 0;
  size_t dropped_ = 0;
};

/// An edit that was made, and what for.
struct AppliedEdit {
  DiagnosticKind kind;
  LineColumn place; // in the text before it
  std::string before, after;
};

/// The text with the safe edits of the diagnostics applied; empty when there are none. Of
/// overlapping edits the first wins. What was applied is appended to `applied`.
std::optional<std::string> applySafeEdits(const Source &source,
                                          std::span<const Diagnostic> diagnostics,
                                          std::vector<AppliedEdit> *applied = nullptr);

/// "replace `**` by `^`", with what would harm a terminal escaped.
std::string editText(std::string_view before, std::string_view after);

/// Text for a terminal: `name:line:column: error: message [Id]`, the line, a caret, then notes and
/// suggestions. Control characters and bytes outside ASCII in quoted text are escaped.
std::string renderDiagnostics(const Source &source, std::span<const Diagnostic> diagnostics);

} // namespace disco
