// See Text.h.
#include "trainer/search/Text.h"

namespace disco::search {

std::string oneLine(std::string_view text, size_t limit) {
  std::string result;
  for (unsigned char c : text) {
    bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    if (blank && (result.empty() || result.back() == ' '))
      continue;
    result += blank ? ' ' : c < 0x20 || c > 0x7e ? '?' : static_cast<char>(c);
    if (result.size() == limit)
      break;
  }
  while (!result.empty() && result.back() == ' ')
    result.pop_back();
  return result;
}

std::string sanitiseLabel(std::string_view name) {
  constexpr size_t kLimit = 64;
  std::string label;
  for (char c : name.substr(0, 4 * kLimit)) {
    if (c >= 'A' && c <= 'Z')
      c = static_cast<char>(c - 'A' + 'a');
    bool kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (kept)
      label += c;
    else if (!label.empty() && label.back() != '_')
      label += '_';
    if (label.size() == kLimit)
      break;
  }
  while (!label.empty() && label.back() == '_')
    label.pop_back();
  return label.empty() ? "unnamed" : label;
}

std::string escapeHtml(std::string_view text) {
  std::string result;
  for (unsigned char c : text) {
    switch (c) {
    case '&':
      result += "&amp;";
      break;
    case '<':
      result += "&lt;";
      break;
    case '>':
      result += "&gt;";
      break;
    case '"':
      result += "&quot;";
      break;
    case '\'':
      result += "&#39;";
      break;
    default:
      result += c < 0x20 && c != '\n' && c != '\t' ? '?' : static_cast<char>(c);
    }
  }
  return result;
}

std::string escapeCsv(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos)
    return std::string(text);
  std::string result = "\"";
  for (char c : text) {
    if (c == '"')
      result += '"';
    result += c;
  }
  return result + '"';
}

} // namespace disco::search
