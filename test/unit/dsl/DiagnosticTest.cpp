// Rendering, ordering, edits, and that no kind of finding goes untested.
#include "test/unit/dsl/Compile.h"

#include <fstream>
#include <sstream>

namespace disco::dsl {

namespace {

TEST(Diagnostics, EveryKindHasARejectedOrWarnedProgram) {
  std::string all;
  for (const auto &entry : std::filesystem::directory_iterator(DISCO_REJECTED)) {
    std::ostringstream text;
    text << std::ifstream(entry.path()).rdbuf();
    all += text.str();
  }
  for (DiagnosticKind kind : allDiagnosticKinds()) {
    EXPECT_NE(all.find("[" + std::string(diagnosticId(kind)) + "]"), std::string::npos)
        << diagnosticId(kind);
    EXPECT_FALSE(diagnosticMeaning(kind).empty());
  }
}

TEST(Diagnostics, RenderedWithCaretNoteAndEdit) {
  const Source source("a.dpo", "let x = 1;\n\tlet x = two;\n");
  Diagnostics found;
  Diagnostic &diagnostic =
      found.report(DiagnosticKind::UndeclaredName, {20, 23}, "`two` is not defined above");
  diagnostic.notes.push_back({{4, 5}, "see here"});
  diagnostic.edits.push_back({{20, 23}, "2", false});
  EXPECT_EQ(renderDiagnostics(source, found.sorted()),
            "a.dpo:2:10: error: `two` is not defined above [UndeclaredName]\n"
            "   let x = two;\n"
            "           ^~~\n"
            "a.dpo:1:5: note: see here\n"
            "  let x = 1;\n"
            "      ^\n"
            "  suggestion: replace `two` by `2`\n");
}

TEST(Diagnostics, NothingRawReachesATerminal) {
  const Source source("evil\x1b[2J.dpo", "objective \x1b]0;owned\x07 { \xe2\x80\xae }");
  Diagnostics found;
  compileSource(source, found);
  ASSERT_TRUE(found.hasErrors());
  for (char byte : renderDiagnostics(source, found.sorted()))
    EXPECT_TRUE(byte == '\n' || (byte >= 0x20 && byte < 0x7f));
}

TEST(Diagnostics, LongLinesAreClipped) {
  const std::string line = "objective o { loss = " + std::string(9000, ' ') + "unknown; }";
  const Source source("a.dpo", line);
  Diagnostics found;
  compileSource(source, found);
  EXPECT_LT(renderDiagnostics(source, found.sorted()).size(), 600u);
}

TEST(Diagnostics, SortedBySource) {
  EXPECT_EQ(findings(objective("loss = unknown; let unused = 1;")), "UndeclaredName UnusedName");
}

TEST(Diagnostics, SafeEditsRepair) {
  const std::string text = objective("let a = torch.mean(margin) ** 2\n"
                                     "loss = -F.logsigmoid(margin) && .5;");
  const Source source("a.dpo", text);
  Diagnostics found;
  compileSource(source, found);
  const std::optional<std::string> repaired = applySafeEdits(source, found.sorted());
  ASSERT_TRUE(repaired);
  EXPECT_EQ(*repaired, objective("let a = batch_mean(margin) ^ 2\n"
                                 "loss = -logsigmoid(margin) and 0.5;"));
}

TEST(Diagnostics, RepairingTwiceCompiles) {
  std::string text = objective(
      "let a = mean(margin) ** 2\n  return 0.5 * (ref_chosen_logps > a) * log_sigmoid(margin)");
  for (int round = 0; round < 8; ++round) {
    const Source source("a.dpo", text);
    Diagnostics found;
    if (compileSource(source, found))
      return;
    const std::optional<std::string> repaired = applySafeEdits(source, found.sorted());
    ASSERT_TRUE(repaired) << renderDiagnostics(source, found.sorted());
    text = *repaired;
  }
  FAIL() << text;
}

TEST(Diagnostics, AnErrorIsNeverDroppedForAWarning) {
  std::string items;
  for (int i = 0; i < 30; ++i)
    items += "let a" + std::to_string(i) + " = margin;\n";
  EXPECT_NE(findings(objective(items + "loss = unknown;")).find("UndeclaredName"),
            std::string::npos);
  EXPECT_NE(findings(objective(items + "loss = 0 * margin;")).find("DeadLoss"), std::string::npos);
}

TEST(Diagnostics, NoEditsNoText) {
  const Source source("a.dpo", objective("loss = softplus(-margin);"));
  EXPECT_EQ(applySafeEdits(source, {}), std::nullopt);
}

} // namespace

} // namespace disco::dsl
