// SPEC L1, L2, L3: which bytes a source text may hold.
#include "dsl/Encoding.h"

#include "dsl/Limits.h"

#include <algorithm>

namespace disco::dsl {

namespace {

struct CodePoint {
  uint32_t value = 0;
  uint32_t size = 0; // bytes; 0 for malformed UTF-8
};

/// Decodes one code point of UTF-8: no overlong form, no surrogate, at most U+10FFFF.
CodePoint decode(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const uint32_t lead = byte(at);
  if (lead < 0x80)
    return {lead, 1};
  const uint32_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4)
    return {};
  uint32_t value = lead & (0x7fu >> size);
  for (uint32_t i = 1; i < size; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80)
      return {};
    value = value << 6 | (byte(at + i) & 0x3f);
  }
  constexpr uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (value < kSmallest[size] || (value >= 0xd800 && value <= 0xdfff) || value > 0x10ffff)
    return {};
  return {value, size};
}

/// Zero-width characters, directional marks, embeddings, overrides and isolates, line separators,
/// C1 controls, tags.
bool isHidden(uint32_t value) {
  return (value >= 0x80 && value <= 0x9f) || value == 0xad || value == 0x61c ||
         (value >= 0x200b && value <= 0x200f) || (value >= 0x2028 && value <= 0x202e) ||
         (value >= 0x2060 && value <= 0x206f) || value == 0xfeff ||
         (value >= 0xfff9 && value <= 0xfffb) || (value >= 0xe0000 && value <= 0xe007f);
}

std::string codePointName(uint32_t value) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (int shift = value > 0xffff ? 20 : 12; shift >= 0; shift -= 4)
    out += digits[value >> shift & 15];
  return "U+" + out;
}

} // namespace

std::optional<std::string> checkEncoding(const Source &source, Diagnostics &diagnostics) {
  const std::string &text = source.text();
  if (text.size() > Limits::sourceBytes) {
    // SPEC X1
    constexpr uint32_t kFirst = Limits::sourceBytes; // that is too much
    diagnostics.report(DiagnosticKind::SourceTooLong, {kFirst, kFirst + 1},
                       "the text goes on beyond " + std::to_string(Limits::sourceBytes) +
                           " bytes, too large for an objective");
    return std::nullopt;
  }
  std::string ascii = text;
  bool valid = true, comment = false;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = decode(text, at);
    const Span span{uint32_t(at), uint32_t(at + std::max(point.size, 1u))};
    const auto refuse = [&](DiagnosticKind kind, std::string message) {
      valid = false;
      return &diagnostics.report(kind, span, std::move(message));
    };
    if (point.size == 0) {
      refuse(DiagnosticKind::InvalidEncoding, "this byte is not valid UTF-8");
      return std::nullopt; // what follows would be guesswork
    }
    if (text[at] == '\n')
      comment = false;
    else if (text.compare(at, 2, "//") == 0 || text[at] == '#') // `#` is refused later, by name
      comment = true;
    if (point.size == 1) {
      // A carriage return belongs to a line break: alone it would show comment text as code.
      const bool space = text[at] == '\n' || text[at] == '\t' || text.compare(at, 2, "\r\n") == 0;
      if ((point.value < 0x20 && !space) || point.value == 0x7f) {
        refuse(DiagnosticKind::InvalidEncoding, "control character " + codePointName(point.value));
        return std::nullopt; // a binary file, not a slip
      }
    } else if (!comment) {
      Diagnostic *found =
          refuse(DiagnosticKind::NonAscii,
                 "character " + codePointName(point.value) +
                     " outside a comment; names, numbers and operators are plain ASCII");
      if (isHidden(point.value))
        found->edits.push_back({span, "", true});
    } else if (isHidden(point.value)) {
      refuse(DiagnosticKind::HiddenCharacter,
             "comment holds " + codePointName(point.value) + ", which hides or reorders text")
          ->edits.push_back({span, "", true});
    }
    if (comment && point.size > 1)
      ascii.replace(at, point.size, point.size, ' ');
    at += point.size;
  }
  if (!valid)
    return std::nullopt;
  return ascii;
}

} // namespace disco::dsl
