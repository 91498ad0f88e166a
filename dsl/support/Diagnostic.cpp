// Collecting, ordering and rendering findings, and applying their edits.
#include "dsl/support/Diagnostic.h"

#include "dsl/Limits.h"

#include <algorithm>
#include <cassert>

namespace disco {

namespace {

struct KindRow {
  std::string_view id;
  Severity severity;
  std::string_view meaning;
};

constexpr KindRow kKinds[] = {
#define DISCO_DIAGNOSTIC(ID, SEVERITY, MEANING) {#ID, Severity::SEVERITY, MEANING},
#include "dsl/support/DiagnosticKinds.def"
};

constexpr DiagnosticKind kAllKinds[] = {
#define DISCO_DIAGNOSTIC(ID, SEVERITY, MEANING) DiagnosticKind::ID,
#include "dsl/support/DiagnosticKinds.def"
};

/// Longer lines are shown around the place only.
constexpr size_t kShownColumns = 100;

/// What a byte looks like on a terminal; whatever could move the cursor or reorder text is spelt
/// out.
std::string shown(char byte) {
  if (byte == '\t')
    return " ";
  if (byte >= 0x20 && byte < 0x7f)
    return std::string(1, byte);
  constexpr char digits[] = "0123456789abcdef";
  auto value = static_cast<unsigned char>(byte);
  return {'\\', 'x', digits[value >> 4], digits[value & 15]};
}

std::string shown(std::string_view text) {
  std::string out;
  for (char byte : text)
    out += shown(byte);
  return out;
}

void renderPlace(std::string &out, const Source &source, Span span, std::string_view label,
                 std::string_view message, std::string_view id) {
  const LineColumn place = source.lineColumn(span.begin);
  out += shown(source.name()) + ":" + std::to_string(place.line) + ":" +
         std::to_string(place.column) + ": ";
  out += label;
  out += ": ";
  out += shown(message);
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
    const std::string byte = i < to ? shown(line[i]) : std::string();
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

std::string_view diagnosticId(DiagnosticKind kind) { return kKinds[size_t(kind)].id; }
Severity diagnosticSeverity(DiagnosticKind kind) { return kKinds[size_t(kind)].severity; }
std::string_view diagnosticMeaning(DiagnosticKind kind) { return kKinds[size_t(kind)].meaning; }
std::span<const DiagnosticKind> allDiagnosticKinds() { return kAllKinds; }

Diagnostic &Diagnostics::report(DiagnosticKind kind, Span span, std::string message) {
  errors_ += diagnosticSeverity(kind) == Severity::Error;
  Diagnostic found{kind, span, std::move(message), {}, {}};
  if (items_.size() < dsl::Limits::diagnostics)
    return items_.emplace_back(std::move(found));
  ++dropped_;
  // SPEC X7: an error takes the place of the latest warning: what makes a text wrong must be said.
  const auto warning = std::find_if(items_.rbegin(), items_.rend(), [](const Diagnostic &item) {
    return diagnosticSeverity(item.kind) == Severity::Warning;
  });
  if (diagnosticSeverity(kind) == Severity::Warning || warning == items_.rend())
    return overflow_ = std::move(found);
  items_.erase(std::next(warning).base());
  return items_.emplace_back(std::move(found));
}

std::vector<Diagnostic> Diagnostics::sorted() const {
  std::vector<Diagnostic> result = items_;
  std::stable_sort(result.begin(), result.end(), [](const Diagnostic &a, const Diagnostic &b) {
    return a.span.begin < b.span.begin;
  });
  if (dropped_ > 0)
    result.push_back(
        {DiagnosticKind::TooManyDiagnostics,
         result.back().span,
         std::to_string(dropped_) + " further finding" + (dropped_ > 1 ? "s" : "") + " not shown",
         {},
         {}});
  return result;
}

std::string renderDiagnostics(const Source &source, std::span<const Diagnostic> diagnostics) {
  std::string out;
  for (const Diagnostic &found : diagnostics) {
    const bool error = diagnosticSeverity(found.kind) == Severity::Error;
    renderPlace(out, source, found.span, error ? "error" : "warning", found.message,
                diagnosticId(found.kind));
    for (const Note &note : found.notes)
      renderPlace(out, source, note.span, "note", note.message, "");
    for (const Edit &edit : found.edits) {
      const std::string_view old = source.slice(edit.span);
      out += edit.safe ? "  fix: " : "  suggestion: ";
      if (old.empty())
        out += "insert `" + shown(edit.replacement) + "`\n";
      else if (edit.replacement.empty())
        out += "remove `" + shown(old) + "`\n";
      else
        out += "replace `" + shown(old) + "` by `" + shown(edit.replacement) + "`\n";
    }
  }
  return out;
}

std::optional<std::string> applySafeEdits(const Source &source,
                                          std::span<const Diagnostic> diagnostics) {
  std::vector<const Edit *> edits;
  for (const Diagnostic &found : diagnostics)
    for (const Edit &edit : found.edits)
      if (edit.safe)
        edits.push_back(&edit);
  std::stable_sort(edits.begin(), edits.end(),
                   [](const Edit *a, const Edit *b) { return a->span.begin < b->span.begin; });
  std::string out;
  size_t done = 0;
  bool changed = false;
  for (const Edit *edit : edits) {
    if (edit->span.begin < done || edit->span.end > source.text().size())
      continue;
    out += source.text().substr(done, edit->span.begin - done) + edit->replacement;
    done = edit->span.end;
    changed = true;
  }
  if (!changed)
    return std::nullopt;
  return out + source.text().substr(done);
}

} // namespace disco
