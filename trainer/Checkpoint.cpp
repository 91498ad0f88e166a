// Saving and verified loading; see the header for the layout.
#include "trainer/Checkpoint.h"

#include "trainer/data/AtomicFile.h"
#include "trainer/data/ContentHash.h"

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace disco::trainer {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::array kFiles = {"tensors.safetensors", "state.json"};
constexpr size_t kKept = 2;

std::string nameOf(int64_t step) {
  std::string digits = std::to_string(step);
  return "step-" + std::string(digits.size() < 9 ? 9 - digits.size() : 0, '0') + digits;
}

/// Newest first; names sort by step.
std::vector<fs::path> list(const fs::path &folder) {
  std::vector<fs::path> found;
  std::error_code ignored;
  for (fs::directory_iterator it(folder, ignored), end; !ignored && it != end;
       it.increment(ignored))
    if (it->path().filename().string().starts_with("step-") && it->path().extension() != ".tmp")
      found.push_back(it->path());
  std::sort(found.rbegin(), found.rend());
  return found;
}

Result<void> syncFolder(const fs::path &folder) {
  int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  bool ok = descriptor >= 0 && ::fsync(descriptor) == 0;
  int cause = errno;
  if (descriptor >= 0)
    ::close(descriptor);
  if (!ok)
    return Error{folder.string() + ": cannot sync: " + std::strerror(cause)};
  return {};
}

json toJson(const CheckpointState &state) {
  return {{"identity", state.identity},     {"next_step", state.nextStep},
          {"num_tokens", state.tokensSeen}, {"metrics_bytes", state.metricsBytes},
          {"summary", state.summary},       {"states", state.states}};
}

Result<CheckpointState> readState(const std::string &text, const std::string &place) {
  json root = json::parse(text, nullptr, false);
  CheckpointState state;
  try {
    root.at("identity").get_to(state.identity);
    root.at("next_step").get_to(state.nextStep);
    root.at("num_tokens").get_to(state.tokensSeen);
    root.at("metrics_bytes").get_to(state.metricsBytes);
    root.at("summary").get_to(state.summary);
    state.states = root.value("states", state.states); // absent in runs older than states
  } catch (const json::exception &) {
    return Error{place + ": not the state of a training"};
  }
  return state;
}

/// Verified contents of a checkpoint's files, in the order of kFiles.
Result<std::array<std::string, kFiles.size()>> readVerified(const fs::path &folder) {
  auto text = data::readFile((folder / "manifest.json").string(), 1 << 20);
  if (!text)
    return text.error();
  json manifest = json::parse(*text, nullptr, false);
  std::array<std::string, kFiles.size()> contents;
  for (size_t i = 0; i < kFiles.size(); ++i) {
    std::string path = (folder / kFiles[i]).string();
    auto bytes = data::readFile(path);
    if (!bytes)
      return bytes.error();
    json wanted = {{"bytes", bytes->size()}, {"sha256", data::sha256Hex(*bytes)}};
    if (!manifest.is_object() || manifest.value(kFiles[i], json()) != wanted)
      return Error{path + ": does not match the manifest"};
    contents[i] = std::move(*bytes);
  }
  return contents;
}

} // namespace

Result<void> saveCheckpoint(const std::string &directory, const CheckpointState &state,
                            const NamedTensors &tensors) {
  fs::path folder = fs::path(directory) / "checkpoints", final = folder / nameOf(state.nextStep),
           temporary = final.string() + ".tmp";
  std::error_code error;
  fs::remove_all(temporary, error); // of a run that was killed while saving
  auto save = [&]() -> Result<void> {
    if (auto ok = data::createFolders(temporary.string()); !ok)
      return ok;
    std::array<std::string, kFiles.size()> contents{tensorsToBytes(tensors),
                                                    toJson(state).dump(2) + "\n"};
    json manifest = json::object();
    for (size_t i = 0; i < kFiles.size(); ++i) {
      if (auto ok = data::writeFileAtomically((temporary / kFiles[i]).string(), contents[i]); !ok)
        return ok;
      manifest[kFiles[i]] = {{"bytes", contents[i].size()},
                             {"sha256", data::sha256Hex(contents[i])}};
    }
    if (auto ok = data::writeFileAtomically((temporary / "manifest.json").string(),
                                            manifest.dump(2) + "\n");
        !ok)
      return ok;
    if (auto ok = syncFolder(temporary); !ok)
      return ok;
    // One of the same step is from before a resume and damaged, else the run would not be here.
    fs::remove_all(final, error);
    fs::rename(temporary, final, error);
    if (error)
      return Error{final.string() + ": cannot rename: " + error.message()};
    if (auto ok = syncFolder(folder); !ok)
      return ok;
    return data::writeFileAtomically((folder / "LATEST").string(),
                                     final.filename().string() + "\n");
  };
  if (auto ok = save(); !ok) {
    fs::remove_all(temporary, error);
    return ok;
  }
  std::vector<fs::path> all = list(folder);
  for (size_t i = kKept; i < all.size(); ++i)
    fs::remove_all(all[i], error);
  return {};
}

Result<std::optional<CheckpointState>> loadCheckpoint(const std::string &directory,
                                                      const std::string &identity,
                                                      const NamedTensors &tensors,
                                                      std::string &warning) {
  std::vector<fs::path> all = list(fs::path(directory) / "checkpoints");
  std::string faults;
  for (const fs::path &folder : all) {
    auto contents = readVerified(folder);
    auto state = contents ? readState((*contents)[1], (folder / kFiles[1]).string())
                          : Result<CheckpointState>(contents.error());
    if (!state) {
      faults += (faults.empty() ? "" : "; ") + state.error().message;
      continue;
    }
    if (state->identity != identity)
      return Error{folder.string() +
                   ": made with another objective, other settings, data or initial model; "
                   "continue with the same ones, or train into another folder"};
    if (auto ok = tensorsFromBytes((*contents)[0], (folder / kFiles[0]).string(), tensors); !ok)
      return ok.error();
    if (!faults.empty())
      warning = "passed over a damaged checkpoint: " + faults;
    return std::optional(*state);
  }
  if (!faults.empty())
    return Error{"no sound checkpoint: " + faults};
  return std::optional<CheckpointState>();
}

} // namespace disco::trainer
