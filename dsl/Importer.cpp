#include "dsl/Importer.h"

#include "dsl/Builtins.h"
#include "dsl/Limits.h"
#include "dsl/Parser.h"

#include <algorithm>

namespace disco::dsl {

const Checked *Importer::import(const Name &use, Diagnostics &diagnostics) {
  if (const auto open = std::find(open_.begin(), open_.end(), use.text);
      open != open_.end()) { // SPEC I13
    std::string path;
    for (auto name = open; name != open_.end(); ++name)
      path += "`" + *name + "` uses ";
    diagnostics.report(DiagnosticKind::ImportCycle, use.span,
                       "an objective cannot use itself: " + path + "`" + use.text + "`");
    return nullptr;
  }
  if (open_.size() > Limits::useDepth) { // SPEC X13
    diagnostics.report(DiagnosticKind::TooDeep, use.span,
                       "objectives use each other more than " + std::to_string(Limits::useDepth) +
                           " levels deep");
    return nullptr;
  }
  auto known = imported_.find(use.text);
  if (known == imported_.end()) {
    Checked result;
    if (const std::shared_ptr<const Source> source = find(use, diagnostics))
      result = check(source, use, diagnostics);
    known = imported_.emplace(use.text, std::move(result)).first;
  }
  return known->second.program ? &known->second : nullptr;
}

std::shared_ptr<const Source> Importer::find(const Name &use, Diagnostics &diagnostics) const {
  std::vector<Result<Source>> found = library_.find(use.text);
  if (found.empty()) {
    Diagnostic &unknown = diagnostics.report(DiagnosticKind::UnknownObjective, use.span,
                                             "there is no objective `" + use.text +
                                                 "` among the shipped ones and in the -I folders");
    std::vector<std::string_view> names;
    for (const ShippedObjective &shipped : Library::shipped())
      names.push_back(shipped.name);
    if (const auto near = closest(use.text, names))
      unknown.edits.push_back({use.span, std::string(*near), false});
    return nullptr;
  }
  for (const Result<Source> &source : found)
    if (!source) {
      diagnostics.report(DiagnosticKind::UnknownObjective, use.span, source.error().message);
      return nullptr;
    }
  if (found.size() > 1) {
    std::string places;
    for (const Result<Source> &source : found)
      places += (places.empty() ? "" : ", ") + (*source).name();
    diagnostics.report(DiagnosticKind::DuplicateObjective, use.span,
                       "`" + use.text + "` stands for different objectives: " + places);
    return nullptr;
  }
  return std::make_shared<const Source>(std::move(*found[0]));
}

Checked Importer::check(const std::shared_ptr<const Source> &source, const Name &use,
                        Diagnostics &diagnostics) {
  Diagnostics inner; // warnings are its author's matter
  Checked result;
  if (const std::optional<Ast> ast = parse(*source, inner)) {
    if (ast->name.text != use.text)
      inner.report(DiagnosticKind::WrongObjectiveName, ast->name.span,
                   "the file of `" + use.text + "` holds objective `" + ast->name.text + "`");
    else
      result = dsl::check(*source, *ast, inner, *this);
  }
  for (Diagnostic &found : inner.sorted()) {
    if (found.severity != Severity::Error)
      continue;
    Diagnostic &kept = diagnostics.report(found.kind, found.span, std::move(found.message));
    kept.source = found.source ? found.source : source;
    kept.notes = std::move(found.notes);
    for (Note &note : kept.notes)
      if (!note.source)
        note.source = source;
    kept.notes.push_back({use.span, "used here", nullptr});
  }
  return result;
}

} // namespace disco::dsl
