// The tokenizer on small examples worked out by hand; TokenizerOracleTest.cpp has the large ones.
#include "trainer/data/Tokenizer.h"
#include "Files.h"

#include <nlohmann/json.hpp>

using namespace disco;
using namespace disco::data;
using disco::test::TemporaryFolder;

namespace {

std::vector<std::string> pieces(std::string_view text) {
  std::vector<std::string> result;
  for (std::string_view piece : preTokenize(text))
    result.emplace_back(piece);
  return result;
}

using Pieces = std::vector<std::string>;

const std::vector<std::string> kTexts{"low low low low low lower lower newest newest newest "
                                      "newest newest newest widest widest widest"};

nlohmann::json smallTokenizer() {
  return nlohmann::json::parse(Tokenizer::train(kTexts, 262).toJson());
}

std::string problem(const nlohmann::json &json) {
  Result<Tokenizer> tokenizer = Tokenizer::fromJson(json.dump(), "t.json");
  return tokenizer ? "none" : tokenizer.error().message;
}

} // namespace

TEST(PreTokenize, WordsNumbersAndSigns) {
  EXPECT_EQ(pieces("Hello world 42!!  x"), (Pieces{"Hello", " world", " 42", "!!", " ", " x"}));
  EXPECT_EQ(pieces("a1b"), (Pieces{"a", "1", "b"}));
  EXPECT_EQ(pieces("\xC3\x84pfel \xD0\xBD\xD0\xB0"), (Pieces{"\xC3\x84pfel", " \xD0\xBD\xD0\xB0"}));
}

TEST(PreTokenize, Contractions) {
  EXPECT_EQ(pieces("it's we'll he'd I'M x'tt"),
            (Pieces{"it", "'s", " we", "'ll", " he", "'d", " I", "'", "M", " x", "'t", "t"}));
  // A space before the apostrophe takes it, so no contraction starts there.
  EXPECT_EQ(pieces("a 's"), (Pieces{"a", " '", "s"}));
}

TEST(PreTokenize, RunsOfSpacesLeaveTheLastToTheText) {
  EXPECT_EQ(pieces("a   b"), (Pieces{"a", "  ", " b"}));
  EXPECT_EQ(pieces("a\n\nb"), (Pieces{"a", "\n", "\n", "b"}));
  EXPECT_EQ(pieces("a  "), (Pieces{"a", "  "}));
  EXPECT_EQ(pieces(" "), (Pieces{" "}));
  EXPECT_EQ(pieces("\xC2\xA0x"), (Pieces{"\xC2\xA0", "x"})); // a no-break space is \s, not ` `
}

TEST(PreTokenize, AnyBytesJoinBack) {
  std::string all;
  for (int i = 0; i < 256; ++i)
    all += char(i);
  std::string joined;
  for (const std::string &piece : pieces(all))
    joined += piece;
  EXPECT_EQ(joined, all);
  EXPECT_TRUE(pieces("").empty());
}

// The example of Sennrich et al. (ACL 2016), by hand: `es` 9 times, `est` 9, `lo` and `ow` 7 (of
// equals the smaller ids), then of the pairs of ` newest` with 6 the one with the smallest ids.
TEST(TokenizerTraining, MergesTheMostFrequentPairFirst) {
  nlohmann::json model = smallTokenizer()["model"];
  std::vector<std::string> merges = model["merges"];
  EXPECT_EQ(merges, (std::vector<std::string>{"e s", "es t", "l o", "lo w", "e w"}));
  EXPECT_EQ(model["vocab"].size(), 262u);
  EXPECT_EQ(model["vocab"]["<|endoftext|>"], 261);
}

TEST(TokenizerTraining, StopsWhenNothingRepeats) {
  EXPECT_EQ(Tokenizer::train(std::vector<std::string>{"abcdef"}, 1000).vocabSize(), 257);
}

TEST(Tokenizer, EncodesByRankThenLeftmost) {
  Tokenizer tokenizer = Tokenizer::train(kTexts, 262);
  auto id = [&](const std::string &token) {
    return smallTokenizer()["model"]["vocab"][token].get<int32_t>();
  };
  EXPECT_EQ(tokenizer.encode("lowest"), (std::vector<int32_t>{id("low"), id("est")}));
  EXPECT_EQ(tokenizer.encode("nest"), (std::vector<int32_t>{id("n"), id("est")}));
}

TEST(Tokenizer, AnyBytesComeBack) {
  Tokenizer tokenizer = Tokenizer::train(kTexts, 262);
  for (std::string text : {"", "low \xF0\x9F\x98\x80 \n\t x", "<|endoftext|>"})
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("a\xC3(\xF0\x9F")), "a\xEF\xBF\xBD(\xEF\xBF\xBD");
}

TEST(Tokenizer, ATextCannotSmuggleInTheEnd) {
  Tokenizer tokenizer = Tokenizer::train(kTexts, 262);
  for (int32_t id : tokenizer.encode("a<|endoftext|>b"))
    EXPECT_NE(id, tokenizer.endOfText());
  EXPECT_EQ(tokenizer.decode(std::vector<int32_t>{tokenizer.endOfText()}), "");
}

TEST(Tokenizer, OneVeryLongWord) {
  Tokenizer tokenizer = Tokenizer::train(kTexts, 262);
  std::string word(1000000, 'e');
  EXPECT_EQ(tokenizer.encode(word).size(), word.size());
  std::string merged;
  for (int i = 0; i < 300000; ++i)
    merged += "est";
  EXPECT_EQ(tokenizer.encode(merged).size(), 300000u);
}

TEST(TokenizerJson, ComesBackTheSame) {
  TemporaryFolder folder;
  Tokenizer tokenizer = Tokenizer::train(kTexts, 262);
  ASSERT_TRUE(tokenizer.save(folder / "tokenizer.json"));
  Result<Tokenizer> loaded = Tokenizer::load(folder / "tokenizer.json");
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->toJson(), tokenizer.toJson());
  EXPECT_EQ(loaded->encode("the newest low"), tokenizer.encode("the newest low"));
}

TEST(TokenizerJson, AcceptsMergesAsArraysAndTheEndOutsideTheVocabulary) {
  nlohmann::json json = smallTokenizer();
  nlohmann::json merges = nlohmann::json::array();
  for (const std::string merge : json["model"]["merges"]) {
    size_t space = merge.find(' ');
    merges.push_back({merge.substr(0, space), merge.substr(space + 1)});
  }
  json["model"]["merges"] = merges;
  json["model"]["vocab"].erase("<|endoftext|>");
  Result<Tokenizer> tokenizer = Tokenizer::fromJson(json.dump(), "t.json");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->toJson(), Tokenizer::train(kTexts, 262).toJson());
}

TEST(TokenizerJson, OtherKindsAreRefused) {
  auto with = [](auto change) {
    nlohmann::json json = smallTokenizer();
    change(json);
    return problem(json);
  };
  const std::string kind = "t.json: not a byte-level BPE tokenizer of GPT-2's kind: ";
  EXPECT_EQ(problem(nlohmann::json::array()), kind + "the file must hold an object");
  EXPECT_EQ(with([](auto &j) {
              j["normalizer"] = {{"type", "NFC"}};
            }),
            kind + "`normalizer` must be null");
  EXPECT_EQ(with([](auto &j) { j["pre_tokenizer"]["type"] = "Split"; }),
            kind + "`pre_tokenizer` must be of type ByteLevel");
  EXPECT_EQ(with([](auto &j) { j["pre_tokenizer"]["add_prefix_space"] = true; }),
            kind + "`pre_tokenizer.add_prefix_space` must be false");
  EXPECT_EQ(with([](auto &j) { j["model"]["type"] = "Unigram"; }),
            kind + "`model` must be of type BPE");
  EXPECT_EQ(with([](auto &j) { j["added_tokens"][0]["content"] = "<s>"; }),
            "t.json: `added_tokens` may only hold `<|endoftext|>`");
}

TEST(TokenizerJson, DamagedVocabulariesAreRefused) {
  auto with = [](auto change) {
    nlohmann::json json = smallTokenizer();
    change(json["model"]);
    return problem(json);
  };
  EXPECT_EQ(with([](auto &m) { m["vocab"]["es"] = 300; }),
            "t.json: token `es`: its id must be an integer below 262");
  EXPECT_EQ(with([](auto &m) { m["vocab"]["es"] = -1; }),
            "t.json: token `es`: its id must be an integer below 262");
  EXPECT_NE(with([](auto &m) { m["vocab"]["es"] = 0; }).find("is taken by another token"),
            std::string::npos);
  EXPECT_EQ(with([](auto &m) { m["merges"].push_back("e q"); }),
            "t.json: merge 6: `e` and `q` and the two joined must be tokens");
  EXPECT_EQ(with([](auto &m) { m["merges"][0] = 7; }),
            "t.json: merge 1: `` and `` and the two joined must be tokens");
  EXPECT_EQ(with([](auto &m) {
              m["vocab"]["!!"] = m["vocab"]["!"];
              m["vocab"].erase("!");
              m["merges"] = nlohmann::json::array();
            }),
            "t.json: byte 33 has no token");
  EXPECT_EQ(Tokenizer::fromJson("{", "t.json").error().message, "t.json: not JSON");
  EXPECT_FALSE(Tokenizer::fromJson(std::string(1000000, '['), "t.json"));
}
