#include "tools/discoc/Reporter.h"

#include <cstdio>
#include <nlohmann/json.hpp>

namespace disco::discoc {

namespace {

using Json = nlohmann::ordered_json;

/// Text that need not be UTF-8; what is not becomes U+FFFD.
std::string dumped(const Json &json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json placed(const Source &source, Span span) {
  const LineColumn begin = source.lineColumn(span.begin), end = source.lineColumn(span.end);
  return {{"file", source.name()},
          {"line", begin.line},
          {"column", begin.column},
          {"end_line", end.line},
          {"end_column", end.column}};
}

Json toJson(const Source &source, const Diagnostic &diagnostic) {
  Json entry = placed(source, diagnostic.span);
  entry["severity"] = diagnosticSeverity(diagnostic.kind) == Severity::Error ? "error" : "warning";
  entry["id"] = diagnosticId(diagnostic.kind);
  entry["message"] = diagnostic.message;
  entry["notes"] = Json::array();
  for (const Note &note : diagnostic.notes) {
    Json place = placed(source, note.span);
    place["message"] = note.message;
    entry["notes"].push_back(std::move(place));
  }
  entry["edits"] = Json::array();
  for (const Edit &edit : diagnostic.edits) {
    Json place = placed(source, edit.span);
    place["replacement"] = edit.replacement;
    place["safe"] = edit.safe;
    entry["edits"].push_back(std::move(place));
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

void Reporter::report(const Error &error) {
  if (!json_) {
    std::fprintf(stderr, "discoc: error: %s\n", error.message.c_str());
    return;
  }
  const Json none = nullptr;
  entries_.push_back(dumped({{"file", none},
                             {"line", none},
                             {"column", none},
                             {"end_line", none},
                             {"end_column", none},
                             {"severity", "error"},
                             {"id", none},
                             {"message", error.message},
                             {"notes", Json::array()},
                             {"edits", Json::array()}}));
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
