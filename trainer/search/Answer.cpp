// See Answer.h.
#include "trainer/search/Answer.h"

#include <nlohmann/json.hpp>

#include <vector>

namespace disco::search {
namespace {

constexpr std::string_view kFence = "```";

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos)
    return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// Contents of the fenced blocks, without the info string after the opening fence. An unclosed
/// block counts to the end.
std::vector<std::string_view> fencedBlocks(std::string_view text) {
  std::vector<std::string_view> blocks;
  for (size_t open = text.find(kFence); open != std::string_view::npos;) {
    size_t begin = text.find('\n', open);
    if (begin == std::string_view::npos)
      break;
    size_t close = text.find(kFence, begin);
    blocks.push_back(
        trim(text.substr(begin, close == std::string_view::npos ? close : close - begin)));
    if (close == std::string_view::npos)
      break;
    open = text.find(kFence, close + kFence.size());
  }
  return blocks;
}

/// The first word after `objective`, for texts that come without a separate name.
std::string headerName(std::string_view text) {
  size_t keyword = text.find("objective");
  if (keyword == std::string_view::npos)
    return "";
  std::string_view rest = trim(text.substr(keyword + std::string_view("objective").size()));
  return std::string(rest.substr(0, rest.find_first_of(" \t\r\n{")));
}

ExtractedObjective fromJson(std::string_view text) {
  nlohmann::json object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  ExtractedObjective found;
  if (!object.is_object() || !object.contains("objective") || !object["objective"].is_string()) {
    found.problem = "the answer is JSON without a text `objective`";
    return found;
  }
  found.text = object["objective"].get<std::string>();
  if (object.contains("name") && object["name"].is_string())
    found.name = object["name"].get<std::string>();
  return found;
}

} // namespace

ExtractedObjective extractObjective(std::string_view answer) {
  std::string_view whole = trim(answer);
  std::vector<std::string_view> blocks = fencedBlocks(whole);
  ExtractedObjective found;
  if (!whole.starts_with('{') && blocks.size() > 1) {
    found.problem = "the answer holds several code blocks";
    return found;
  }
  if (!whole.starts_with('{') && blocks.size() == 1)
    whole = blocks[0];
  if (whole.starts_with('{'))
    found = fromJson(whole);
  else if (!blocks.empty() || whole.starts_with("objective"))
    found.text = std::string(whole);
  else
    found.problem = "the answer holds no objective";
  if (found.name.empty())
    found.name = headerName(found.text);
  if (found.text.empty() && found.problem.empty())
    found.problem = "the answer holds an empty objective";
  return found;
}

std::string withoutComments(std::string_view text) {
  std::string kept;
  for (size_t i = 0; i < text.size();) {
    if (text.substr(i, 2) == "//")
      i = std::min(text.find('\n', i), text.size());
    else
      kept += text[i++];
  }
  return kept;
}

} // namespace disco::search
