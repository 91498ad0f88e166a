#include "dsl/Library.h"

#include "dsl/Dsl.h"

#include <algorithm>
#include <filesystem>

namespace disco::dsl {

std::vector<Result<Source>> Library::find(std::string_view name) const {
  std::vector<Result<Source>> found;
  const auto add = [&](Result<Source> source) {
    const bool copy = std::any_of(found.begin(), found.end(), [&](const Result<Source> &other) {
      return source && other && (*source).text() == (*other).text();
    });
    if (!copy)
      found.push_back(std::move(source));
  };
  const std::string file = std::string(name) + ".dpo";
  for (const ShippedObjective &objective : shipped())
    if (objective.name == name)
      add(Source("<shipped>/" + file, std::string(objective.text)));
  for (const std::string &folder : folders_) {
    const std::filesystem::path path = std::filesystem::path(folder) / file;
    std::error_code missing;
    if (std::filesystem::exists(std::filesystem::symlink_status(path, missing)))
      add(readSource(path.string()));
  }
  return found;
}

} // namespace disco::dsl
