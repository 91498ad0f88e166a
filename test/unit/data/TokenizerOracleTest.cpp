// The tokenizer against others: GPT-2's own vocabulary with llama.cpp's 47 vectors, and Hugging
// Face's `tokenizers`.
#include "Files.h"
#include "trainer/data/Random.h"
#include "trainer/data/Tokenizer.h"

#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

using namespace disco;
using namespace disco::data;
using disco::test::sharedData;
using disco::test::slurp;
using disco::test::TemporaryFolder;
using nlohmann::json;

namespace {

/// `tokenizer.json` out of GPT-2's original two files.
json gpt2(const std::string &encoder, const std::string &merges) {
  json root = json::parse(Tokenizer::train(std::vector<std::string>{}, 257).toJson());
  root["model"]["vocab"] = json::parse(slurp(encoder));
  root["added_tokens"][0]["id"] = root["model"]["vocab"]["<|endoftext|>"];
  root["model"]["merges"] = json::array();
  std::istringstream lines(slurp(merges));
  std::string line;
  std::getline(lines, line); // #version
  while (std::getline(lines, line))
    root["model"]["merges"].push_back(line);
  return root;
}

/// Cases separated by a line `__ggml_vocab_test__`, the last one ended by it too.
std::vector<std::string> vectorTexts(const std::string &path) {
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::string all = slurp(path);
  std::vector<std::string> texts;
  for (size_t found; (found = all.find(separator)) != std::string::npos;
       all.erase(0, found + separator.size()))
    texts.push_back(all.substr(0, found));
  return texts;
}

/// Python with the `tokenizers` package, or nothing.
std::optional<std::string> python() {
  const char *given = std::getenv("DISCO_PYTHON");
  std::string path = given ? given : std::string(DISCO_SOURCE_DIR) + "/.venv/bin/python";
  bool usable = std::system((path + " -c 'import tokenizers' >/dev/null 2>&1").c_str()) == 0;
  return usable ? std::optional(path) : std::nullopt;
}

json huggingFace(const std::string &python, const std::string &mode, const std::string &what,
                 const std::string &data) {
  std::string command = python + " " DISCO_SOURCE_DIR "/test/unit/data/huggingface_tokens.py " +
                        mode + " " + what + " " + data;
  FILE *pipe = ::popen(command.c_str(), "r");
  std::string out;
  char buffer[4096];
  for (size_t count; (count = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
    out.append(buffer, count);
  ::pclose(pipe);
  return json::parse(out, nullptr, false);
}

/// Words, punctuation, spaces of all kinds and scripts, drawn at random.
std::vector<std::string> oddTexts(int count) {
  const std::vector<std::string> parts{"the",
                                       " film",
                                       "'s",
                                       "'ll",
                                       " ",
                                       "  ",
                                       "\n",
                                       "\t",
                                       "12",
                                       " 3",
                                       "!?",
                                       "...",
                                       "\xC3\xA9t\xC3\xA9",
                                       "\xE6\x98\xA0\xE7\x94\xBB",
                                       "\xF0\x9F\x98\x80",
                                       "\xC2\xA0",
                                       "\xE3\x80\x80",
                                       "\xD9\xA3",
                                       "\xC2\xBD",
                                       " \xE2\x80\x94 ",
                                       "A",
                                       "\r\n",
                                       "wonderful",
                                       "\xCC\x81",
                                       "\xE1\x9E\x80\xE1\x9E\xB6",
                                       "\xE2\x80\x8B"};
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) {
    Random random(11, "odd texts", uint64_t(i));
    std::string text;
    for (uint64_t left = random.below(20); left > 0; --left)
      text += parts[random.below(parts.size())];
    texts.push_back(text);
  }
  return texts;
}

} // namespace

TEST(TokenizerOracle, Gpt2Vectors) {
  std::string encoder = sharedData("tokenizers/gpt2_encoder.json");
  if (encoder.empty())
    GTEST_SKIP() << "GPT-2's vocabulary is not on this machine";
  Result<Tokenizer> tokenizer =
      Tokenizer::fromJson(gpt2(encoder, sharedData("tokenizers/gpt2_vocab.bpe")).dump(), "gpt2");
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;
  EXPECT_EQ(tokenizer->endOfText(), 50256);
  std::vector<std::string> texts = vectorTexts(sharedData("vectors/ggml-vocab.inp"));
  std::istringstream expected(slurp(sharedData("vectors/ggml-vocab-gpt-2.out")));
  ASSERT_GE(texts.size(), 46u);
  for (const std::string &text : texts) {
    std::string line;
    ASSERT_TRUE(std::getline(expected, line));
    std::istringstream numbers(line);
    std::vector<int32_t> ids{std::istream_iterator<int32_t>(numbers), {}};
    EXPECT_EQ(tokenizer->encode(text), ids) << text;
    EXPECT_EQ(tokenizer->decode(ids), text);
  }
}

TEST(TokenizerOracle, HuggingFaceEncodesDecodesAndTrainsTheSame) {
  std::optional<std::string> interpreter = python();
  if (!interpreter)
    GTEST_SKIP() << "no Python with the package `tokenizers` here";
  TemporaryFolder folder;
  std::vector<std::string> texts = oddTexts(500);
  std::string textFile = folder.write("texts.json", json(texts).dump());
  Tokenizer tokenizer = Tokenizer::train(texts, 400);
  ASSERT_TRUE(tokenizer.save(folder / "tokenizer.json"));

  json merges = huggingFace(*interpreter, "train", "400", textFile);
  json ours = json::parse(tokenizer.toJson())["model"]["merges"];
  ASSERT_EQ(ours.size(), merges.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    std::string merge = merges[i].is_array() ? merges[i][0].get<std::string>() + " " +
                                                   merges[i][1].get<std::string>()
                                             : merges[i].get<std::string>();
    ASSERT_EQ(ours[i], merge) << "merge " << i;
  }

  json ids = huggingFace(*interpreter, "encode", folder / "tokenizer.json", textFile);
  ASSERT_EQ(ids.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(json(tokenizer.encode(texts[i])), ids[i]) << texts[i];

  // Random ids decode to broken UTF-8 as often as not.
  std::vector<std::vector<int32_t>> rows;
  for (uint64_t i = 0; i < 300; ++i) {
    Random random(12, "random ids", i);
    rows.emplace_back();
    for (uint64_t left = random.below(12); left > 0; --left)
      rows.back().push_back(int32_t(random.below(uint64_t(tokenizer.vocabSize()))));
  }
  json decoded = huggingFace(*interpreter, "decode", folder / "tokenizer.json",
                             folder.write("ids.json", json(rows).dump()));
  ASSERT_EQ(decoded.size(), rows.size());
  for (size_t i = 0; i < rows.size(); ++i)
    EXPECT_EQ(tokenizer.decode(rows[i]), decoded[i].get<std::string>()) << json(rows[i]);
}
