// What a program that is started is given: texts as exec takes them, and an environment without
// keys and tokens. Who starts one, and how, is told in test/policy/check_layering.py.
#pragma once

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <vector>

namespace disco {

/// Texts as the array that exec takes, with its final null.
class ExecStrings {
public:
  explicit ExecStrings(std::vector<std::string> texts) : texts_(std::move(texts)) {
    for (std::string &text : texts_)
      pointers_.push_back(text.data());
    pointers_.push_back(nullptr);
  }
  ExecStrings(const ExecStrings &) = delete;
  /// Lives as long as this.
  char *const *get() const { return pointers_.data(); }

private:
  std::vector<std::string> texts_;
  std::vector<char *> pointers_;
};

/// `NAME=value` for what a child of ours may know of our environment: where libraries are, how
/// sanitizers behave, and what `more` names.
inline std::vector<std::string> childEnvironment(std::initializer_list<const char *> more = {}) {
  std::vector<const char *> names = {"LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                                     "LSAN_OPTIONS"};
  names.insert(names.end(), more);
  std::vector<std::string> environment;
  for (const char *name : names)
    if (const char *value = std::getenv(name))
      environment.push_back(std::string(name) + "=" + value);
  return environment;
}

} // namespace disco
