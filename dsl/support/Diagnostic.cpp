// Collecting, ordering and rendering findings, and applying their edits.
#include "dsl/support/Diagnostic.h"

#include "dsl/Limits.h"
#include "dsl/support/Printable.h"

#include <algorithm>
#include <cassert>

namespace disco {

namespace {

/// Longer lines are shown around the place only.
constexpr size_t kShownColumns = 100;

void renderPlace(std::string &out, const Source &source, Span span, std::string_view label,
                 std::string_view message, std::string_view id) {
  const LineColumn place = source.lineColumn(span.begin);
  out += printable(source.name()) + ":" + std::to_string(place.line) + ":" +
         std::to_string(place.column) + ": ";
  out += label;
  out += ": ";
  out += printable(message);
  if (!id.empty())
    out += " [" + std::string(id) + "]";
  out += '\n';

  const std::string_view line = source.line(place.line);
  const size_t column = std::min<size_t>(place.column - 1, line.size());
  const size_t from =
      column > kShownColumns / 2 && line.size() > kShownColumns ? column - kShownColumns / 2 : 0;
  const size_t to = std::min(line.size(), from + kShownColumns);
  const size_t end = std::clamp<size_t>(column + (span.end - span.begin), column + 1, to + 1);
  std::string text = from > 0 ? "  ..." : "  ", marks(text.size(), ' ');
  for (size_t i = from; i < std::max(to, column + 1); ++i) {
    std::string byte;
    if (i < to)
      byte = line[i] == '\t' ? " " : printable(line.substr(i, 1));
    const size_t width = std::max<size_t>(byte.size(), 1);
    text += byte;
    if (i < column)
      marks.append(width, ' ');
    else if (i < end)
      marks += i == column ? "^" + std::string(width - 1, '~') : std::string(width, '~');
  }
  out += text + (to < line.size() ? "..." : "") + '\n' + marks + '\n';
}

} // namespace

Diagnostic &Diagnostics::report(DiagnosticKind kind, Span span, std::string message) {
  Diagnostic found{kind, span, std::move(message), {}, {}, policy_.severity(kind)};
  if (!policy_.isReported(kind))
    return unkept_ = std::move(found);
  errors_ += found.severity == Severity::Error;
  if (items_.size() < dsl::Limits::diagnostics)
    return items_.emplace_back(std::move(found));
  ++dropped_;
  // SPEC X7: an error takes the place of the latest warning: what makes a text wrong must be said.
  const auto warning = std::find_if(items_.rbegin(), items_.rend(), [](const Diagnostic &item) {
    return item.severity == Severity::Warning;
  });
  if (found.severity == Severity::Warning || warning == items_.rend())
    return unkept_ = std::move(found);
  items_.erase(std::next(warning).base());
  return items_.emplace_back(std::move(found));
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  std::vector<Diagnostic> result = items_;
  std::stable_sort(result.begin(), result.end(), [](const Diagnostic &a, const Diagnostic &b) {
    return !a.source && (b.source || a.span.begin < b.span.begin);
  });
  constexpr DiagnosticKind kDropped = DiagnosticKind::TooManyDiagnostics;
  if (dropped_ > 0 && policy_.isReported(kDropped))
    result.push_back(
        {kDropped,
         result.back().span,
         std::to_string(dropped_) + " further finding" + (dropped_ > 1 ? "s" : "") + " not shown",
         {},
         {},
         Severity::Warning}); // what was dropped has been counted
  return result;
}

std::string renderDiagnostics(const Source &source, std::span<const Diagnostic> diagnostics) {
  std::string out;
  for (const Diagnostic &found : diagnostics) {
    const bool error = found.severity == Severity::Error;
    const Source &own = found.source ? *found.source : source;
    renderPlace(out, own, found.span, error ? "error" : "warning", found.message,
                diagnosticId(found.kind));
    for (const Note &note : found.notes)
      renderPlace(out, note.source ? *note.source : source, note.span, "note", note.message, "");
    for (const Edit &edit : found.edits)
      out += (edit.safe ? "  fix: " : "  suggestion: ") +
             editText(own.slice(edit.span), edit.replacement) + '\n';
  }
  return out;
}

std::string editText(std::string_view before, std::string_view after) {
  // The line break and indentation after an inserted line are layout.
  const size_t line = after.rfind('\n');
  const bool layout = line != after.npos && after.find_first_not_of(' ', line + 1) == after.npos;
  const std::string shown = printable(layout ? after.substr(0, line) : after);
  if (before.empty())
    return "insert `" + shown + "`";
  if (after.empty())
    return "remove `" + printable(before) + "`";
  return "replace `" + printable(before) + "` by `" + shown + "`";
}

std::optional<std::string> applySafeEdits(const Source &source,
                                          std::span<const Diagnostic> diagnostics,
                                          std::vector<AppliedEdit> *applied) {
  struct Candidate {
    DiagnosticKind kind;
    const Edit *edit;
  };
  std::vector<Candidate> candidates;
  for (const Diagnostic &found : diagnostics)
    for (const Edit &edit : found.edits)
      if (edit.safe)
        candidates.push_back({found.kind, &edit});
  std::stable_sort(candidates.begin(), candidates.end(), [](const auto &a, const auto &b) {
    return a.edit->span.begin < b.edit->span.begin;
  });
  std::string out;
  size_t done = 0;
  bool changed = false;
  for (const auto &[kind, edit] : candidates) {
    if (edit->span.begin < done || edit->span.end > source.text().size())
      continue;
    out += source.text().substr(done, edit->span.begin - done) + edit->replacement;
    done = edit->span.end;
    changed = true;
    if (applied)
      applied->push_back({kind, source.lineColumn(edit->span.begin),
                          std::string(source.slice(edit->span)), edit->replacement});
  }
  if (!changed)
    return std::nullopt;
  return out + source.text().substr(done);
}

} // namespace disco
