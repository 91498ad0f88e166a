// Hugging Face's `tokenizer.json`, both ways. The file is not trusted: sizes are bounded, and every
// id, token and merge is checked before use. A merge joins two tokens into a longer one, so merges
// cannot form a cycle.
#include "trainer/data/AtomicFile.h"
#include "trainer/data/Tokenizer.h"
#include "trainer/data/TokenizerTables.h"

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <unicode/utf8.h>

namespace disco::data {
namespace {

using Json = nlohmann::json;

constexpr uint64_t kFileBytes = uint64_t{64} << 20;
constexpr size_t kVocabLimit = 1 << 20;

void appendUtf8(std::string &text, char32_t c) {
  char buffer[U8_MAX_LENGTH];
  int length = 0;
  U8_APPEND_UNSAFE(buffer, length, c);
  text.append(buffer, size_t(length));
}

/// "Ġthe" from " the".
std::string toSymbols(std::string_view bytes) {
  static const std::array<char32_t, 256> symbols = byteSymbols();
  std::string text;
  for (char c : bytes)
    appendUtf8(text, symbols[static_cast<unsigned char>(c)]);
  return text;
}

/// " the" from "Ġthe"; nothing when a character stands for no byte.
std::optional<std::string> fromSymbols(const std::string &text) {
  static const std::map<char32_t, char> bytes = [] {
    std::map<char32_t, char> inverse;
    std::array<char32_t, 256> symbols = byteSymbols();
    for (int byte = 0; byte < 256; ++byte)
      inverse[symbols[size_t(byte)]] = char(byte);
    return inverse;
  }();
  std::string result;
  int64_t length = int64_t(text.size());
  for (int64_t i = 0; i < length;) {
    UChar32 c;
    U8_NEXT(text.data(), i, length, c);
    auto found = bytes.find(char32_t(c));
    if (c < 0 || found == bytes.end())
      return std::nullopt;
    result += found->second;
  }
  return result;
}

/// object[field] when it is there and not null.
const Json *member(const Json &object, const char *field) {
  if (!object.is_object())
    return nullptr;
  auto found = object.find(field);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

bool isString(const Json *value, std::string_view expected) {
  return value && value->is_string() && value->get_ref<const std::string &>() == expected;
}

/// Why the settings around the vocabulary mean another kind of tokenizer, or an empty string.
std::string unsupported(const Json &root) {
  if (!root.is_object())
    return "the file must hold an object";
  if (member(root, "normalizer"))
    return "`normalizer` must be null";
  const Json *cutter = member(root, "pre_tokenizer");
  if (!cutter || !isString(member(*cutter, "type"), "ByteLevel"))
    return "`pre_tokenizer` must be of type ByteLevel";
  const Json *prefix = member(*cutter, "add_prefix_space");
  if (prefix && *prefix != false)
    return "`pre_tokenizer.add_prefix_space` must be false";
  const Json *regex = member(*cutter, "use_regex");
  if (regex && *regex != true)
    return "`pre_tokenizer.use_regex` must be true";
  const Json *model = member(root, "model");
  if (!model || !isString(member(*model, "type"), "BPE"))
    return "`model` must be of type BPE";
  for (const char *field : {"dropout", "unk_token"})
    if (member(*model, field))
      return std::string("`model.") + field + "` must be null";
  for (const char *field : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (const Json *value = member(*model, field); value && !isString(value, ""))
      return std::string("`model.") + field + "` must be empty";
  for (const char *field : {"byte_fallback", "ignore_merges"})
    if (const Json *value = member(*model, field); value && *value != false)
      return std::string("`model.") + field + "` must be false";
  return {};
}

} // namespace

Result<Tokenizer> Tokenizer::load(const std::string &path) {
  Result<std::string> text = readFile(path, kFileBytes);
  if (!text)
    return text.error();
  return fromJson(*text, path);
}

Result<Tokenizer> Tokenizer::fromJson(std::string_view json, const std::string &place) {
  auto fail = [&](const std::string &what) { return Error{place + ": " + what}; };
  // Discards what lies deeper than any field read here, so nesting costs nothing.
  Json root = Json::parse(
      json, [](int depth, Json::parse_event_t, Json &) { return depth <= 16; },
      /*allow_exceptions=*/false);
  if (root.is_discarded())
    return fail("not JSON");
  if (std::string reason = unsupported(root); !reason.empty())
    return fail("not a byte-level BPE tokenizer of GPT-2's kind: " + reason);

  const Json &model = root["model"];
  const Json *vocab = member(model, "vocab"), *merges = member(model, "merges");
  if (!vocab || !vocab->is_object() || !merges || !merges->is_array())
    return fail("`model.vocab` must be an object and `model.merges` an array");
  const Json *added = member(root, "added_tokens");
  size_t addedOutside =
      0; // Hugging Face counts an added token whether or not the vocabulary lists it
  for (const Json &token : added && added->is_array() ? *added : Json::array()) {
    if (!isString(member(token, "content"), kEndOfText))
      return fail("`added_tokens` may only hold `<|endoftext|>`");
    addedOutside += !vocab->contains(std::string(kEndOfText));
  }
  size_t size = vocab->size() + addedOutside;
  if (size > kVocabLimit || merges->size() > kVocabLimit)
    return fail("more than " + std::to_string(kVocabLimit) + " tokens or merges, the limit");

  auto tables = std::make_shared<Tables>();
  tables->tokens.resize(size);
  std::vector<bool> used(size, false);
  std::unordered_map<std::string, int32_t> ids; // by bytes
  std::string problem;
  auto place1 = [&](const std::string &text, const Json &id) {
    if (!id.is_number_integer() || id < 0 || id >= size)
      problem = "token `" + text + "`: its id must be an integer below " + std::to_string(size);
    else if (used[id.get<size_t>()])
      problem = "token `" + text + "`: its id " + id.dump() + " is taken by another token";
    else
      used[id.get<size_t>()] = true;
    return problem.empty();
  };
  for (const auto &[text, id] : vocab->items()) {
    if (!place1(text, id))
      return fail(problem);
    if (text == kEndOfText) {
      tables->endOfText = id.get<int32_t>();
      tables->tokens[id.get<size_t>()] = text;
      continue;
    }
    std::optional<std::string> bytes = fromSymbols(text);
    if (!bytes || bytes->empty())
      return fail("token `" + text + "` is not made of byte symbols");
    ids.emplace(*bytes, id.get<int32_t>());
    tables->tokens[id.get<size_t>()] = *std::move(bytes);
  }
  if (addedOutside > 0) {
    const Json *id = member((*added)[0], "id");
    if (!place1(std::string(kEndOfText), id ? *id : Json()))
      return fail(problem);
    tables->endOfText = id->get<int32_t>();
    tables->tokens[id->get<size_t>()] = kEndOfText;
  }
  if (tables->endOfText < 0)
    return fail("the special token `<|endoftext|>` is missing");
  for (int byte = 0; byte < 256; ++byte) {
    auto found = ids.find(std::string(1, char(byte)));
    if (found == ids.end())
      return fail("byte " + std::to_string(byte) + " has no token");
    tables->byteIds[size_t(byte)] = found->second;
  }

  for (size_t rank = 0; rank < merges->size(); ++rank) {
    const Json &merge = (*merges)[rank];
    std::string left, right; // "a b" in older files, ["a", "b"] in newer ones
    if (merge.is_string()) {
      const std::string &both = merge.get_ref<const std::string &>();
      size_t space = both.find(' ');
      left = both.substr(0, space);
      right = space == std::string::npos ? "" : both.substr(space + 1);
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string()) {
      left = merge[0].get<std::string>();
      right = merge[1].get<std::string>();
    }
    auto idOf = [&](const std::string &text) {
      std::optional<std::string> bytes = fromSymbols(text);
      auto found = bytes ? ids.find(*bytes) : ids.end();
      return found == ids.end() ? -1 : found->second;
    };
    int32_t leftId = idOf(left), rightId = idOf(right), result = idOf(left + right);
    if (leftId < 0 || rightId < 0 || result < 0)
      return fail("merge " + std::to_string(rank + 1) + ": `" + left + "` and `" + right +
                  "` and the two joined must be tokens");
    tables->addMerge(leftId, rightId, result);
  }
  return Tokenizer(std::move(tables));
}

std::string Tokenizer::toJson() const {
  using Ordered = nlohmann::ordered_json;
  Ordered byteLevel = {{"type", "ByteLevel"},
                       {"add_prefix_space", false},
                       {"trim_offsets", true},
                       {"use_regex", true}};
  Ordered vocab = Ordered::object();
  for (size_t id = 0; id < tables_->tokens.size(); ++id) {
    bool special = int32_t(id) == tables_->endOfText;
    vocab[special ? std::string(kEndOfText) : toSymbols(tables_->tokens[id])] = id;
  }
  Ordered merges = Ordered::array();
  for (auto [left, right] : tables_->mergeList)
    merges.push_back(toSymbols(tables_->tokens[size_t(left)]) + " " +
                     toSymbols(tables_->tokens[size_t(right)]));
  Ordered root = {{"version", "1.0"},
                  {"truncation", nullptr},
                  {"padding", nullptr},
                  {"added_tokens", Ordered::array({{{"id", tables_->endOfText},
                                                    {"content", kEndOfText},
                                                    {"single_word", false},
                                                    {"lstrip", false},
                                                    {"rstrip", false},
                                                    {"normalized", false},
                                                    {"special", true}}})},
                  {"normalizer", nullptr},
                  {"pre_tokenizer", byteLevel},
                  {"post_processor", nullptr},
                  {"decoder", byteLevel},
                  {"model",
                   {{"type", "BPE"},
                    {"dropout", nullptr},
                    {"unk_token", nullptr},
                    {"continuing_subword_prefix", nullptr},
                    {"end_of_word_suffix", nullptr},
                    {"fuse_unk", false},
                    {"byte_fallback", false},
                    {"ignore_merges", false},
                    {"vocab", std::move(vocab)},
                    {"merges", std::move(merges)}}}};
  return root.dump(1) + "\n";
}

Result<void> Tokenizer::save(const std::string &path) const {
  return writeFileAtomically(path, toJson());
}

} // namespace disco::data
