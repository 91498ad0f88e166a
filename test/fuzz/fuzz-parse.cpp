// Any bytes to the front end: parser, checker, findings, repair and layout. It promises to end, to
// refuse with a located error or to accept, and to write only what a terminal can take.
#include "dsl/Dsl.h"
#include "dsl/Format.h"
#include "dsl/Repair.h"
#include "test/fuzz/Fuzz.h"

#include <algorithm>

using namespace disco;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const std::string text(reinterpret_cast<const char *>(data), size);
  const Source source("fuzz.dpo", text);
  Diagnostics found;
  const bool accepted = dsl::compileSource(source, found).has_value();
  fuzz::require(accepted != found.hasErrors(), "a text is accepted or has errors", text);
  const std::vector<Diagnostic> findings = found.sorted();
  for (const Diagnostic &finding : findings)
    fuzz::require(finding.span.begin <= finding.span.end && finding.span.end <= size,
                  "a finding lies within the text", text);
  const std::string rendered = renderDiagnostics(source, findings);
  fuzz::require(std::all_of(rendered.begin(), rendered.end(),
                            [](char c) { return c == '\n' || (c >= ' ' && c <= '~'); }),
                "findings are printable", text);
  if (!accepted)
    dsl::repair(source);
  Diagnostics unused;
  if (const std::optional<std::string> laidOut = dsl::formatText(source, unused)) {
    const Source again("fuzz.dpo", *laidOut);
    fuzz::require(dsl::formatText(again, unused) == laidOut, "layout is idempotent", text);
    Diagnostics others;
    fuzz::require(dsl::compileSource(again, others).has_value() == accepted,
                  "layout changes nothing", text);
  }
  return 0;
}
