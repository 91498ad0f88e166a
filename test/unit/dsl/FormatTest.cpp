// The layout: idempotent, and blind to meaning.
#include "test/unit/dsl/Compile.h"

#include "dsl/Format.h"
#include "dsl/Parser.h"

namespace disco::dsl {

namespace {

std::string formatted(const std::string &text) {
  Diagnostics found;
  const Source source("test.dpo", text);
  const std::optional<std::string> result = formatText(source, found);
  EXPECT_TRUE(result) << renderDiagnostics(source, found.sorted());
  return result.value_or("");
}

std::vector<std::string> words(const std::string &text) {
  const Source source("test.dpo", text);
  std::vector<std::string> result;
  for (const Token &token : tokenize(source))
    result.emplace_back(source.slice(token.span));
  return result;
}

/// The comments of a text that has no `//` elsewhere.
std::vector<std::string> comments(const std::string &text) {
  std::vector<std::string> result;
  for (size_t at = text.find("//"); at != text.npos; at = text.find("//", at)) {
    const size_t end = std::min(text.find('\n', at), text.size());
    result.push_back(text.substr(at, end - at));
    result.back().resize(result.back().find_last_not_of(" \t\r") + 1);
    at = end;
  }
  return result;
}

void expectOnlyLayoutChanges(const std::string &text) {
  const std::string once = formatted(text);
  EXPECT_EQ(words(once), words(text));
  EXPECT_EQ(comments(once), comments(text));
  EXPECT_EQ(formatted(once), once);
}

TEST(Format, ShippedObjectivesAreLaidOutAlready) {
  for (const auto &path : shippedObjectives()) {
    const Result<Source> source = readSource(path.string());
    EXPECT_EQ(formatted(source->text()), source->text()) << "`discoc --format` " << path;
  }
}

TEST(Format, ShippedObjectivesKeepTokensCommentsAndCodeHash) {
  for (const auto &path : shippedObjectives()) {
    const std::string text = readSource(path)->text();
    expectOnlyLayoutChanges(text);
    EXPECT_EQ(codeHash(compiled(formatted(text))), codeHash(compiled(text))) << path;
  }
}

TEST(Format, CanonicalPrintsAreLaidOutAlready) {
  for (const auto &path : shippedObjectives()) {
    const std::string printed = printProgram(compiled(readSource(path)->text()));
    const std::string once = formatted(printed);
    if (std::count(once.begin(), once.end(), '\n') ==
        std::count(printed.begin(), printed.end(), '\n')) { // no line was too long
      EXPECT_EQ(once, printed) << path;
    }
  }
}

TEST(Format, ACommentBetweenAnyTwoTokensStays) {
  const std::string accepted =
      "objective o { param b = -1 in (-2, 3) log; fn f(x, y) = x^-y; reward chosen = not (b < 1);\n"
      " reward rejected = f(-b, where(b != 1, 2, margin)) - 1; loss = margin; }";
  const Source source("test.dpo", accepted);
  for (const Token &token : tokenize(source))
    for (const char *comment : {" // trailing\n", "\n// own line\n", "// a\n\n\n  // b \t\n"})
      expectOnlyLayoutChanges(std::string(accepted).insert(token.span.begin, comment));
}

TEST(Format, BlankLinesBetweenItemsStayAsOne) {
  EXPECT_EQ(formatted("\n\nobjective o {\n\n\n  loss = margin;\n\n\n\n  metric m = 1;\n\n}\n\n"),
            "objective o {\n  loss = margin;\n\n  metric m = 1;\n}\n");
}

TEST(Format, LongItemsBreakAtTheirWeakestJoint) {
  std::string sum = "margin";
  for (int i = 0; i < 8; ++i)
    sum += " + softplus(-0.1 * margin)";
  const std::string once = formatted(objective("loss = " + sum + " * exp(margin, " + sum + ");"));
  expectOnlyLayoutChanges(once);
  for (size_t at = 0, end = 0; at < once.size(); at = end + 1) {
    end = once.find('\n', at);
    EXPECT_LE(end - at, 100u) << once;
  }
  EXPECT_NE(once.find("\n      + softplus"), once.npos) << once;
}

TEST(Format, LineEndsOfDosBecomeOurs) {
  EXPECT_EQ(formatted("// a\r\nobjective o {\r\n  loss = margin;\r\n}\r\n"),
            "// a\nobjective o {\n  loss = margin;\n}\n");
}

TEST(Format, WhatDoesNotParseIsReported) {
  Diagnostics found;
  EXPECT_EQ(formatText(Source("test.dpo", "objective o { loss = ; }"), found), std::nullopt);
  EXPECT_TRUE(found.hasErrors());
}

} // namespace

} // namespace disco::dsl
