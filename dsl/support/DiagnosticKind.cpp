#include "dsl/support/DiagnosticKind.h"

#include <algorithm>

namespace disco {

namespace {

struct KindRow {
  std::string_view id, group, meaning;
  Severity severity;
};

constexpr KindRow kKinds[] = {
#define DISCO_ERROR(ID, MEANING) {#ID, "", MEANING, Severity::Error},
#define DISCO_WARNING(ID, GROUP, MEANING) {#ID, #GROUP, MEANING, Severity::Warning},
#include "dsl/support/DiagnosticKinds.def"
};

constexpr DiagnosticKind kAllKinds[] = {
#define DISCO_ERROR(ID, MEANING) DiagnosticKind::ID,
#define DISCO_WARNING(ID, GROUP, MEANING) DiagnosticKind::ID,
#include "dsl/support/DiagnosticKinds.def"
};

/// Takes the prefix away if the text has it.
bool consume(std::string_view &text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix)
    return false;
  text.remove_prefix(prefix.size());
  return true;
}

} // namespace

std::string_view diagnosticId(DiagnosticKind kind) { return kKinds[size_t(kind)].id; }
Severity diagnosticSeverity(DiagnosticKind kind) { return kKinds[size_t(kind)].severity; }
std::string_view diagnosticGroup(DiagnosticKind kind) { return kKinds[size_t(kind)].group; }
std::string_view diagnosticMeaning(DiagnosticKind kind) { return kKinds[size_t(kind)].meaning; }
std::span<const DiagnosticKind> allDiagnosticKinds() { return kAllKinds; }

std::vector<std::string_view> warningGroups() {
  std::vector<std::string_view> groups;
  for (const KindRow &row : kKinds)
    if (!row.group.empty() && std::find(groups.begin(), groups.end(), row.group) == groups.end())
      groups.push_back(row.group);
  return groups;
}

bool WarningPolicy::apply(std::string_view flag) {
  const bool on = !consume(flag, "no-");
  const bool raise = flag == "error" || flag.substr(0, 6) == "error=";
  const bool named = !raise || consume(flag, "error=");
  bool known = false;
  for (size_t kind = 0; kind < std::size(kKinds); ++kind) {
    const std::string_view group = kKinds[kind].group;
    if (group.empty() || (named && flag != "all" && flag != group))
      continue;
    known = true;
    if (raise)
      raised_[kind] = on;
    if (named && on) // `-Werror` alone makes errors of what is reported anyway
      ignored_[kind] = false;
    else if (!raise)
      ignored_[kind] = true;
  }
  return known;
}

} // namespace disco
