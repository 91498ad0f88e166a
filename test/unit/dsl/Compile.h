// Compiling short texts in tests.
#pragma once

#include "dsl/Dsl.h"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>

namespace disco::dsl {

/// An objective with these items.
inline std::string objective(const std::string &items) {
  return "objective o {\n" + items + "\n}\n";
}

/// The ids of what is reported, in source order, separated by spaces; empty for a clean text.
inline std::string findings(const std::string &text) {
  const Source source("test.dpo", text);
  Diagnostics found;
  const bool compiled = compileSource(source, found).has_value();
  EXPECT_NE(compiled, found.hasErrors());
  std::string ids;
  for (const Diagnostic &diagnostic : found.sorted())
    ids += (ids.empty() ? "" : " ") + std::string(diagnosticId(diagnostic.kind));
  return ids;
}

inline Program compiled(const std::string &text) {
  const Source source("test.dpo", text);
  Diagnostics found;
  std::optional<Program> program = compileSource(source, found);
  EXPECT_TRUE(program) << renderDiagnostics(source, found.sorted());
  return program ? std::move(*program) : Program{};
}

/// An objective with this loss; `beta` and `tau` are parameters.
inline Program compiledLoss(const std::string &loss) {
  return compiled(objective("param beta = 0.5; param tau = 0.25; loss = " + loss + ";"));
}

inline std::vector<std::filesystem::path> shippedObjectives() {
  std::vector<std::filesystem::path> paths;
  for (const auto &entry : std::filesystem::directory_iterator(DISCO_OBJECTIVES))
    if (entry.path().extension() == ".dpo")
      paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  return paths;
}

} // namespace disco::dsl
