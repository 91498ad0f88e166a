// What the checker accepts, what it rejects with which finding where, the types it gives, and the
// limits one below, at and above.
#include "dsl/Dsl.h"
#include "dsl/support/Diagnostic.h"
#include "test/conformance/Cases.h"

#include <gtest/gtest.h>

using namespace disco;
using namespace disco::conformance;
using nlohmann::json;

namespace {

struct Checked {
  std::optional<dsl::Program> program;
  std::vector<Diagnostic> errors;
  std::string rendered;
};

Checked check(const std::string &text) {
  const Source source("case.dpo", text);
  Diagnostics found;
  Checked checked;
  checked.program = dsl::compileSource(source, found);
  checked.rendered = renderDiagnostics(source, found.sorted());
  for (const Diagnostic &diagnostic : found.sorted())
    if (diagnosticSeverity(diagnostic.kind) == Severity::Error)
      checked.errors.push_back(diagnostic);
  return checked;
}

TEST(Language, Accepts) {
  for (const json &test : readCases("accepted")) {
    const Checked checked = check(test["text"]);
    EXPECT_TRUE(checked.program) << test["name"] << "\n" << checked.rendered;
  }
}

// The finding may have company; it is at its place and nothing is accepted.
TEST(Language, RejectsWithIdAndPlace) {
  for (const json &test : readCases("rejected")) {
    const std::string text = test["text"], id = test["id"];
    const Checked checked = check(text);
    const Source source("case.dpo", text);
    EXPECT_FALSE(checked.program) << test["name"];
    const bool found = std::any_of(
        checked.errors.begin(), checked.errors.end(), [&](const Diagnostic &diagnostic) {
          const LineColumn place = source.lineColumn(diagnostic.span.begin);
          return diagnosticId(diagnostic.kind) == id && place.line == test["line"] &&
                 place.column == test["column"];
        });
    EXPECT_TRUE(found) << test["name"] << ": no " << id << " at " << test["line"] << ":"
                       << test["column"] << "\n"
                       << checked.rendered;
  }
}

/// The metric of a case without the where(c, 1, 0) and token_sum() around it.
const dsl::Node &metricOf(const dsl::Program &program, bool isTruth, bool isToken) {
  dsl::NodeId id = program.metrics.front().value;
  if (isToken && program[id].op == dsl::Op::TokenSum)
    id = program[id].operands[0];
  if (isTruth)
    id = program[id].operands[0];
  return program[id];
}

TEST(Language, GivesTypes) {
  const std::string extents[] = {"batch", "pair", "chosen token", "rejected token"};
  for (const json &test : readCases("types")) {
    const Checked checked = check(test["text"]);
    ASSERT_TRUE(checked.program) << test["name"] << "\n" << checked.rendered;
    const bool isTruth = test["kind"] == "truth";
    const std::string extent = test["extent"];
    const dsl::Node &node =
        metricOf(*checked.program, isTruth, extent.find("token") != std::string::npos);
    EXPECT_EQ(extents[size_t(node.type.extent)], extent) << test["name"];
    EXPECT_EQ(node.type.kind == dsl::Kind::Bool, isTruth) << test["name"];
    EXPECT_EQ(node.hasGradient, test["gradient"].get<bool>()) << test["name"];
  }
}

/// The text of a limit case: parts, some of them repeated with their number in place of {i}.
std::string textOf(const json &parts) {
  std::string text;
  for (const json &part : parts) {
    if (part.is_string()) {
      text += part.get<std::string>();
      continue;
    }
    for (int i = 0; i < part[1].get<int>(); ++i) {
      std::string each = part[0];
      if (const size_t at = each.find("{i}"); at != std::string::npos)
        while (each.find("{i}") != std::string::npos)
          each.replace(each.find("{i}"), 3, std::to_string(i));
      text += each;
    }
  }
  return text;
}

TEST(Language, KeepsItsLimits) {
  for (const json &test : readCases("limits")) {
    const Checked checked = check(textOf(test["parts"]));
    if (!test.contains("id")) {
      EXPECT_TRUE(checked.program) << test["name"] << "\n" << checked.rendered.substr(0, 400);
      continue;
    }
    EXPECT_FALSE(checked.program) << test["name"];
    EXPECT_TRUE(std::any_of(
        checked.errors.begin(), checked.errors.end(),
        [&](const Diagnostic &diagnostic) { return diagnosticId(diagnostic.kind) == test["id"]; }))
        << test["name"] << ": no " << test["id"] << "\n"
        << checked.rendered.substr(0, 400);
  }
}

TEST(Language, HasEnoughCases) {
  size_t cases = 0;
  for (const std::string &topic : topics())
    cases += readCases(topic).size();
  EXPECT_GE(cases, 1'500u);
  RecordProperty("cases", int(cases));
}

} // namespace
