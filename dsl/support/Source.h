// One source text with its name, and positions in it. Columns count bytes from 1, lines from 1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace disco {

/// A half-open byte range of a source text.
struct Span {
  uint32_t begin = 0;
  uint32_t end = 0;
  friend bool operator==(const Span &, const Span &) = default;
};

struct LineColumn {
  uint32_t line = 1;
  uint32_t column = 1;
};

class Source {
public:
  Source(std::string name, std::string text);

  /// What diagnostics call the text: a path as the user typed it, or "<input>".
  const std::string &name() const { return name_; }
  const std::string &text() const { return text_; }
  /// The text of a span, clipped to the source.
  std::string_view slice(Span span) const;
  LineColumn lineColumn(uint32_t offset) const;
  /// The text of a line (1-based) without its line break.
  std::string_view line(uint32_t number) const;

private:
  std::string name_;
  std::string text_;
  std::vector<uint32_t> lineStarts_;
};

} // namespace disco
