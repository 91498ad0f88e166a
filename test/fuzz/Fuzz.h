// What the fuzz targets share: a check that stops the process, as a fuzzer wants it, and the bytes
// of an input taken one by one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>

namespace disco::fuzz {

/// What was promised and found broken; `text` is the objective it was found with.
inline void require(bool holds, const char *promise, const std::string &text) {
  if (holds)
    return;
  std::fprintf(stderr, "broken: %s\n%s\n", promise, text.c_str());
  std::abort();
}

/// An input as a source of choices; 0 once it is used up.
class Choices {
public:
  explicit Choices(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  size_t left() const { return bytes_.size(); }
  uint8_t next() {
    if (bytes_.empty())
      return 0;
    const uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  size_t below(size_t bound) { return next() % bound; }

private:
  std::span<const uint8_t> bytes_;
};

} // namespace disco::fuzz

/// What libFuzzer calls, and replay.cpp.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
