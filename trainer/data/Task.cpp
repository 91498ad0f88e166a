#include "trainer/data/Task.h"

#include "trainer/data/AtomicFile.h"
#include "trainer/data/Jsonl.h"

#include <filesystem>
#include <nlohmann/json.hpp>

namespace disco::data {
namespace {

constexpr int kVersion = 1;
constexpr uint64_t kDescriptionBytes = 1 << 20;

} // namespace

Result<Task> loadTask(const std::string &directory) {
  Task task;
  task.paths.directory = directory;
  std::string path = task.paths.description();
  if (!std::filesystem::exists(path))
    return Error{directory +
                 ": not a task: there is no task.json; make one with "
                 "`disco data synthetic -o " +
                 directory + "` or `disco data imdb`"};
  Result<std::string> text = readFile(path, kDescriptionBytes);
  if (!text)
    return text.error();
  try {
    nlohmann::json root = nlohmann::json::parse(*text);
    root.at("version").get_to(task.version);
    if (task.version != kVersion)
      return Error{path + ": version " + std::to_string(task.version) +
                   " of the format, this disco reads version " + std::to_string(kVersion) +
                   "; make the task again"};
    root.at("name").get_to(task.name);
    root.at("hash").get_to(task.hash);
    root.at("prompt_tokens").get_to(task.promptTokens);
    root.at("completion_tokens").get_to(task.completionTokens);
    root.at("temperature").get_to(task.temperature);
    root.at("pairs").get_to(task.pairs);
  } catch (const nlohmann::json::exception &failure) {
    return Error{path + ": damaged description of a task: " + failure.what()};
  }
  if (task.promptTokens < 1 || task.completionTokens < 1 || !(task.temperature > 0))
    return Error{path + ": `prompt_tokens`, `completion_tokens` and `temperature` must be above 0"};
  return task;
}

Result<void> saveTask(const Task &task) {
  nlohmann::ordered_json root = {{"name", task.name},
                                 {"version", kVersion},
                                 {"hash", task.hash},
                                 {"prompt_tokens", task.promptTokens},
                                 {"completion_tokens", task.completionTokens},
                                 {"temperature", task.temperature},
                                 {"pairs", task.pairs}};
  return writeFileAtomically(task.paths.description(), root.dump(2) + "\n");
}

Result<std::vector<Prompt>> readPrompts(const std::string &path) {
  Result<JsonlReader> reader = JsonlReader::open(path);
  if (!reader)
    return reader.error();
  std::vector<Prompt> prompts;
  for (;;) {
    Result<bool> more = reader->next();
    if (!more)
      return more.error();
    if (!*more)
      return prompts;
    Result<int64_t> id = reader->integer("id");
    if (!id)
      return id.error();
    Result<std::string> text = reader->string("prompt");
    if (!text)
      return text.error();
    prompts.push_back({*id, *std::move(text)});
  }
}

Result<void> writePrompts(const std::string &path, const std::vector<Prompt> &prompts) {
  std::string rows;
  for (const Prompt &prompt : prompts)
    rows += JsonlRow().add("id", prompt.id).add("prompt", prompt.text).line();
  return writeFileAtomically(path, rows);
}

} // namespace disco::data
