// Cutting text into pieces, merging pieces into tokens, and back.
#include "trainer/data/Tokenizer.h"

#include "trainer/data/TokenizerTables.h"

#include <cassert>
#include <mutex>
#include <queue>
#include <unicode/uchar.h>
#include <unicode/utf8.h>

namespace disco::data {
namespace {

enum class Kind : uint8_t { Letter, Number, Space, Other };

Kind kindOf(UChar32 c) {
  if (c < 0)
    return Kind::Other; // not UTF-8
  uint32_t category = U_GET_GC_MASK(c);
  if (category & U_GC_L_MASK)
    return Kind::Letter;
  if (category & U_GC_N_MASK)
    return Kind::Number;
  return u_isUWhiteSpace(c) ? Kind::Space : Kind::Other;
}

/// A position in the text, one character at a time.
class Cursor {
public:
  Cursor(std::string_view text, size_t offset) : text_(text), next_(int64_t(offset)) { advance(); }
  bool atEnd() const { return start_ >= int64_t(text_.size()); }
  size_t offset() const { return size_t(start_); }
  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return !atEnd() && kind_ == kind; }
  void advance() {
    start_ = next_;
    if (atEnd())
      return;
    UChar32 c;
    U8_NEXT(text_.data(), next_, int64_t(text_.size()), c);
    kind_ = kindOf(c);
  }

private:
  std::string_view text_;
  int64_t start_ = 0, next_ = 0;
  Kind kind_ = Kind::Other;
};

/// Length of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll` or `'d` at the front, or 0.
size_t contraction(std::string_view text) {
  for (std::string_view ending : {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"})
    if (text.starts_with(ending))
      return ending.size();
  return 0;
}

/// End of the piece that starts at `begin`.
size_t pieceEnd(std::string_view text, size_t begin) {
  if (size_t length = contraction(text.substr(begin)))
    return begin + length;
  Cursor cursor(text, begin);
  // ` ?` before a run of one kind: the space belongs to the run that follows it directly.
  if (text[begin] == ' ') {
    Cursor after(text, begin + 1);
    if (!after.atEnd() && after.kind() != Kind::Space)
      cursor = after;
  }
  Kind kind = cursor.kind();
  size_t last = cursor.offset(), count = 0;
  for (; cursor.is(kind); cursor.advance(), ++count)
    last = cursor.offset();
  // `\s+(?!\S)`: a run of spaces before text leaves its last one to the text, unless it is the only
  // one.
  if (kind == Kind::Space && !cursor.atEnd() && count > 1)
    return last;
  return cursor.offset();
}

constexpr size_t kCachedWordBytes = 64;
constexpr size_t kCachedWords = 1 << 16;

} // namespace

std::vector<std::string_view> preTokenize(std::string_view text) {
  std::vector<std::string_view> pieces;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = pieceEnd(text, begin);
    assert(end > begin && "a piece is never empty");
    pieces.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return pieces;
}

std::array<char32_t, 256> byteSymbols() {
  std::array<char32_t, 256> symbols{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) ||
                     (byte >= 0xAE && byte <= 0xFF);
    symbols[byte] = printable ? byte : next++;
  }
  return symbols;
}

namespace {

/// Applies the merges to one piece: the pair of lowest rank first, of equal pairs the leftmost. O(n
/// log n).
std::vector<int32_t> applyMerges(std::vector<int32_t> ids, const TokenizerMerges &merges) {
  struct Candidate {
    int32_t rank, left, leftId, rightId, result;
    bool operator<(const Candidate &other) const { // the queue's top is the largest
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  // A linked list of the symbols left; -1 ends it, a merged-away symbol has id -1.
  int32_t count = int32_t(ids.size());
  std::vector<int32_t> previous(ids.size()), following(ids.size());
  std::priority_queue<Candidate> queue;
  auto consider = [&](int32_t left) {
    int32_t right = left < 0 ? -1 : following[left];
    if (right < 0)
      return;
    if (auto found = merges.find(pairKey(ids[left], ids[right])); found != merges.end())
      queue.push({found->second.rank, left, ids[left], ids[right], found->second.result});
  };
  for (int32_t i = 0; i < count; ++i) {
    previous[i] = i - 1;
    following[i] = i + 1 < count ? i + 1 : -1;
  }
  for (int32_t i = 0; i < count; ++i)
    consider(i);
  while (!queue.empty()) {
    Candidate best = queue.top();
    queue.pop();
    int32_t right = following[best.left];
    // Either side may have been merged since the candidate was queued.
    if (ids[best.left] != best.leftId || right < 0 || ids[right] != best.rightId)
      continue;
    ids[best.left] = best.result;
    ids[right] = -1;
    following[best.left] = following[right];
    if (following[right] >= 0)
      previous[following[right]] = best.left;
    consider(previous[best.left]);
    consider(best.left);
  }
  std::erase(ids, -1);
  return ids;
}

} // namespace

Tokenizer::Tokenizer(std::shared_ptr<Tables> tables) : tables_(std::move(tables)) {}

int Tokenizer::vocabSize() const { return int(tables_->tokens.size()); }
int32_t Tokenizer::endOfText() const { return tables_->endOfText; }

std::vector<int32_t> Tokenizer::encode(std::string_view text) const {
  std::vector<int32_t> ids;
  for (std::string_view piece : preTokenize(text)) {
    std::string word(piece);
    bool cached = word.size() <= kCachedWordBytes;
    if (cached) {
      std::shared_lock lock(tables_->cacheMutex);
      if (auto found = tables_->cache.find(word); found != tables_->cache.end()) {
        ids.insert(ids.end(), found->second.begin(), found->second.end());
        continue;
      }
    }
    std::vector<int32_t> symbols;
    for (char c : word)
      symbols.push_back(tables_->byteIds[static_cast<unsigned char>(c)]);
    symbols = applyMerges(std::move(symbols), tables_->merges);
    ids.insert(ids.end(), symbols.begin(), symbols.end());
    if (cached) {
      std::unique_lock lock(tables_->cacheMutex);
      if (tables_->cache.size() < kCachedWords)
        tables_->cache.emplace(std::move(word), std::move(symbols));
    }
  }
  return ids;
}

std::string Tokenizer::decode(std::span<const int32_t> ids) const {
  std::string bytes;
  for (int32_t id : ids) {
    assert(id >= 0 && id < vocabSize() && "token outside the vocabulary");
    if (id != tables_->endOfText)
      bytes += tables_->tokens[size_t(id)];
  }
  std::string text;
  int64_t length = int64_t(bytes.size());
  for (int64_t i = 0; i < length;) {
    int64_t start = i;
    UChar32 c;
    U8_NEXT(bytes.data(), i, length, c);
    if (c < 0)
      text += "\xEF\xBF\xBD"; // U+FFFD for each maximal ill-formed part
    else
      text.append(bytes, size_t(start), size_t(i - start));
  }
  return text;
}

} // namespace disco::data
