#include "tools/discoc/Reporter.h"

#include "dsl/support/Printable.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace disco::discoc {

namespace {

using Json = nlohmann::ordered_json;

/// Text that need not be UTF-8; what is not becomes U+FFFD. Escaped to ASCII, so that nothing in it
/// reaches a terminal as it is.
std::string dumped(const Json &json) {
  return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

Json entryOf(std::string_view severity, std::string_view id, const std::string &message) {
  return {{"severity", severity},  {"id", id.empty() ? Json() : Json(id)},
          {"group", nullptr},      {"message", message},
          {"file", nullptr},       {"line", nullptr},
          {"column", nullptr},     {"offset", nullptr},
          {"end_line", nullptr},   {"end_column", nullptr},
          {"end_offset", nullptr}, {"notes", Json::array()},
          {"edits", Json::array()}};
}

void place(Json &entry, const Source &source, Span span) {
  const LineColumn begin = source.lineColumn(span.begin), end = source.lineColumn(span.end);
  entry["file"] = source.name();
  entry["line"] = begin.line;
  entry["column"] = begin.column;
  entry["offset"] = span.begin;
  entry["end_line"] = end.line;
  entry["end_column"] = end.column;
  entry["end_offset"] = span.end;
}

Json toJson(const Source &source, const Diagnostic &diagnostic) {
  Json entry = entryOf(diagnostic.severity == Severity::Error ? "error" : "warning",
                       diagnosticId(diagnostic.kind), diagnostic.message);
  if (const std::string_view group = diagnosticGroup(diagnostic.kind); !group.empty())
    entry["group"] = group;
  const Source &own = diagnostic.source ? *diagnostic.source : source;
  place(entry, own, diagnostic.span);
  for (const Note &note : diagnostic.notes) {
    Json item{{"message", note.message}};
    place(item, note.source ? *note.source : source, note.span);
    entry["notes"].push_back(std::move(item));
  }
  for (const Edit &edit : diagnostic.edits) {
    Json item{{"replacement", edit.replacement}, {"safe", edit.safe}};
    place(item, own, edit.span);
    entry["edits"].push_back(std::move(item));
  }
  return entry;
}

} // namespace

void Reporter::report(const Source &source, const Diagnostics &diagnostics) {
  const std::vector<Diagnostic> sorted = diagnostics.sorted();
  if (!json_) {
    std::fputs(renderDiagnostics(source, sorted).c_str(), stderr);
    return;
  }
  for (const Diagnostic &diagnostic : sorted)
    entries_.push_back(dumped(toJson(source, diagnostic)));
}

void Reporter::report(const Source &source, const AppliedEdit &edit) {
  const std::string_view id = diagnosticId(edit.kind);
  const std::string done = editText(edit.before, edit.after);
  if (!json_) {
    std::fprintf(stderr, "%s:%u:%u: fixed: %s [%s]\n", printable(source.name()).c_str(),
                 edit.place.line, edit.place.column, done.c_str(), std::string(id).c_str());
    return;
  }
  Json entry = entryOf("fixed", id, done);
  entry["file"] = source.name();
  entry["line"] = edit.place.line;
  entry["column"] = edit.place.column;
  entries_.push_back(dumped(entry));
}

void Reporter::report(const Error &error) {
  if (json_)
    entries_.push_back(dumped(entryOf("error", "", error.message)));
  else
    std::fprintf(stderr, "discoc: error: %s\n", printable(error.message, true).c_str());
}

void Reporter::finish() {
  if (!json_)
    return;
  std::fputs("[", stderr);
  for (size_t i = 0; i < entries_.size(); ++i)
    std::fprintf(stderr, "%s\n%s", i > 0 ? "," : "", entries_[i].c_str());
  std::fputs("]\n", stderr);
}

} // namespace disco::discoc
