// Files for the tests of trainer/data: a folder that goes away, and where real data may lie.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <unistd.h>

namespace disco::test {

/// A fresh folder, removed with its content at the end.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "disco-data-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }

  std::string operator/(const std::string &name) const { return path_ + "/" + name; }
  const std::string &path() const { return path_; }
  /// Writes the file and returns its path.
  std::string write(const std::string &name, const std::string &content) const {
    std::string path = *this / name;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

private:
  std::string path_;
};

inline std::string slurp(const std::string &path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

/// A file of the real data, or an empty string when it is not on this machine.
inline std::string sharedData(const std::string &name) {
  const char *folder = std::getenv("DISCO_SHARED_DATA");
  std::string path =
      (folder ? std::string(folder) : std::string(DISCO_SOURCE_DIR) + "/../shared/data") + "/" +
      name;
  return std::filesystem::exists(path) ? path : "";
}

} // namespace disco::test
