// Reading the lane's folder and judging results.
#include "tools/gpu/Artefacts.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

using namespace disco;
using namespace disco::gpu;

namespace {
Result<std::string> readText(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file.is_open() || file.bad())
    return Error{path.string() + ": cannot be read"};
  return text;
}

Result<Artefact> readArtefact(const std::filesystem::path &manifest) {
  Result<std::string> text = readText(manifest);
  if (!text)
    return text.error();
  Result<runtime::Signature> signature = runtime::readManifest(manifest.string(), *text);
  if (!signature)
    return signature.error();
  Result<std::string> ptx = readText(std::filesystem::path(manifest).replace_extension(".ptx"));
  if (!ptx)
    return ptx.error();
  Result<Sections> expected =
      readNumbers(std::filesystem::path(manifest).replace_extension(".txt").string());
  if (!expected)
    return expected.error();
  return Artefact{*signature, *ptx, *expected};
}

/// The kinds of an entry's parameters, a letter each: p for 64 bits (address or count), f for
/// float32, ? for others.
std::string entryParameters(const std::string &ptx, const std::string &entry) {
  const std::regex head("\\.entry\\s+" + entry + "\\s*\\(([^)]*)\\)");
  std::smatch found;
  if (!std::regex_search(ptx, found, head))
    return "no entry";
  const std::string list = found[1];
  const std::regex parameter("\\.param\\s+\\.(\\w+)");
  std::string kinds;
  for (std::sregex_iterator it(list.begin(), list.end(), parameter), end; it != end; ++it) {
    const std::string type = (*it)[1];
    kinds += type == "f32" || type == "b32" ? 'f' : type.ends_with("64") ? 'p' : '?';
  }
  return kinds;
}
} // namespace

Result<Artefacts> gpu::readArtefacts(const std::string &folder) {
  Result<Sections> batches = readNumbers((std::filesystem::path(folder) / "batches.txt").string());
  if (!batches)
    return batches.error();
  Artefacts artefacts{*batches, {}};
  std::error_code failed;
  std::vector<std::filesystem::path> manifests;
  for (const auto &entry : std::filesystem::directory_iterator(folder, failed))
    if (entry.path().extension() == ".json")
      manifests.push_back(entry.path());
  std::sort(manifests.begin(), manifests.end());
  for (const std::filesystem::path &manifest : manifests) {
    Result<Artefact> artefact = readArtefact(manifest);
    if (!artefact)
      return artefact.error();
    artefacts.objectives.push_back(std::move(*artefact));
  }
  if (artefacts.objectives.empty())
    return Error{folder + ": has no objectives (*.json)"};
  return artefacts;
}

Result<const Rows *> gpu::batchOf(const Artefacts &artefacts, const std::string &section) {
  for (const auto &[name, rows] : artefacts.batches)
    if (name == section)
      return &rows;
  return Error{"batches.txt: has no section `" + section + "`; pack the lane again"};
}

Result<void> gpu::compareRow(const Rows &expected, const std::string &row, const float *actual,
                             size_t count) {
  auto values = expected.find(row), bounds = expected.find(boundRow(row));
  if (values == expected.end() || bounds == expected.end() || values->second.size() != count ||
      bounds->second.size() != count)
    return Error{"row `" + row + "` does not have the " + std::to_string(count) +
                 " values and bounds expected; pack the lane again"};
  for (size_t i = 0; i < count; ++i) {
    const double value = values->second[i], bound = bounds->second[i];
    const bool agrees = std::isinf(bound) ? true
                        : !std::isfinite(value)
                            ? std::isnan(value) ? std::isnan(actual[i]) : actual[i] == value
                            : std::fabs(actual[i] - value) <= bound;
    if (!agrees)
      return Error{"row `" + row + "` at " + std::to_string(i) + " is " + numberText(actual[i]) +
                   ", expected " + numberText(value) + " within " + numberText(bound)};
  }
  return {};
}

Result<void> gpu::checkEntries(const Artefact &artefact) {
  const runtime::Signature &signature = artefact.signature;
  const std::string common = std::string(signature.inputs.size(), 'p') +
                             std::string(signature.parameters.size(), 'f') + 'p';
  const std::pair<const char *, std::string> entries[] = {
      {"gradient", common + "p" + std::string(signature.gradients.size(), 'p')},
      {"report", common + "pppp"}};
  for (const auto &[entry, wanted] : entries) {
    const std::string declared = entryParameters(artefact.ptx, entry);
    if (declared != wanted)
      return Error{"objective `" + signature.objective + "`: entry `" + entry + "` declares " +
                   declared + ", the runtime passes " + wanted};
  }
  return {};
}
