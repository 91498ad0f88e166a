// Learning BPE merges: count each distinct word once, then merge the most frequent pair again and
// again, touching only the words that contain it.
#include "trainer/data/Tokenizer.h"
#include "trainer/data/TokenizerTables.h"

#include <algorithm>
#include <cassert>
#include <queue>
#include <unordered_set>

namespace disco::data {
namespace {

struct Word {
  std::vector<int32_t> symbols;
  int64_t count = 0;
};

class PairCounts {
public:
  explicit PairCounts(std::vector<Word> words) : words_(std::move(words)) {
    for (size_t word = 0; word < words_.size(); ++word)
      addPairs(word, +1);
    for (const auto &[pair, entry] : pairs_)
      queue_.push({entry.count, pair});
  }

  /// The most frequent pair that occurs at least twice, of equals the one with the smaller ids.
  bool best(uint64_t &pair) {
    while (!queue_.empty()) {
      Candidate top = queue_.top();
      queue_.pop();
      int64_t now = pairs_[top.pair].count;
      if (now == top.count && now >= 2) {
        pair = top.pair;
        return true;
      }
      // Counts in the queue are never too small: the pair comes back with its present count.
      if (now < top.count && now >= 2)
        queue_.push({now, top.pair});
    }
    return false;
  }

  void merge(uint64_t pair, int32_t result) {
    int32_t left = int32_t(pair >> 32), right = int32_t(pair & 0xFFFFFFFF);
    std::unordered_set<size_t> where = std::move(pairs_[pair].words);
    std::unordered_set<uint64_t> grown;
    for (size_t index : where) {
      addPairs(index, -1);
      std::vector<int32_t> &symbols = words_[index].symbols;
      size_t kept = 0;
      for (size_t i = 0; i < symbols.size(); ++i, ++kept) {
        bool here = i + 1 < symbols.size() && symbols[i] == left && symbols[i + 1] == right;
        symbols[kept] = here ? result : symbols[i];
        i += here;
      }
      symbols.resize(kept);
      addPairs(index, +1);
      for (size_t i = 0; i + 1 < kept; ++i)
        if (symbols[i] == result || symbols[i + 1] == result)
          grown.insert(pairKey(symbols[i], symbols[i + 1]));
    }
    for (uint64_t changed : grown)
      queue_.push({pairs_[changed].count, changed});
  }

private:
  struct Candidate {
    int64_t count;
    uint64_t pair;
    bool operator<(const Candidate &other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };
  struct Entry {
    int64_t count = 0;
    std::unordered_set<size_t> words; // every word with the pair; some may have lost it
  };

  void addPairs(size_t index, int sign) {
    const Word &word = words_[index];
    for (size_t i = 0; i + 1 < word.symbols.size(); ++i) {
      Entry &entry = pairs_[pairKey(word.symbols[i], word.symbols[i + 1])];
      entry.count += sign * word.count;
      if (sign > 0)
        entry.words.insert(index);
    }
  }

  std::vector<Word> words_;
  std::unordered_map<uint64_t, Entry> pairs_;
  std::priority_queue<Candidate> queue_;
};

} // namespace

Tokenizer Tokenizer::train(std::span<const std::string> texts, int vocabSize) {
  assert(vocabSize >= 257 && "256 bytes and the end of text");
  auto tables = std::make_shared<Tables>();
  // Bytes in the order of their symbols, as GPT-2 and Hugging Face number them.
  std::array<char32_t, 256> symbols = byteSymbols();
  std::vector<int> bytes(256);
  for (int byte = 0; byte < 256; ++byte)
    bytes[size_t(byte)] = byte;
  std::ranges::sort(bytes, {}, [&](int byte) { return symbols[size_t(byte)]; });
  std::unordered_map<std::string, int32_t> known; // one text has one id, whichever merge makes it
  auto addToken = [&](const std::string &token) {
    auto [where, fresh] = known.try_emplace(token, int32_t(tables->tokens.size()));
    if (fresh)
      tables->tokens.push_back(token);
    return where->second;
  };
  for (int byte : bytes)
    tables->byteIds[size_t(byte)] = addToken(std::string(1, char(byte)));

  std::unordered_map<std::string_view, int64_t> counts;
  for (const std::string &text : texts)
    for (std::string_view piece : preTokenize(text))
      ++counts[piece];
  std::vector<Word> words;
  for (const auto &[text, count] : counts) {
    Word word{{}, count};
    for (char c : text)
      word.symbols.push_back(tables->byteIds[static_cast<unsigned char>(c)]);
    words.push_back(std::move(word));
  }

  PairCounts pairs(std::move(words));
  for (uint64_t pair; int(tables->tokens.size()) < vocabSize - 1 && pairs.best(pair);) {
    int32_t left = int32_t(pair >> 32), right = int32_t(pair & 0xFFFFFFFF);
    int32_t result = addToken(tables->tokens[size_t(left)] + tables->tokens[size_t(right)]);
    tables->addMerge(left, right, result);
    pairs.merge(pair, result);
  }
  tables->endOfText = int32_t(tables->tokens.size());
  tables->tokens.emplace_back(kEndOfText);
  return Tokenizer(std::move(tables));
}

} // namespace disco::data
