// Saved models: read back unchanged, and written for load_in_transformers.py to compare.
#include "EagerGpt2.h"
#include "Fixtures.h"
#include "trainer/data/AtomicFile.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <sys/wait.h>

namespace disco::trainer {
namespace {

data::Tokenizer tokenizer() {
  return data::Tokenizer::train(
      std::vector<std::string>{"a film that was good and a film that was bad",
                               "the film was the best film"},
      270);
}

TEST(ModelFiles, SavedModelIsReadBackBitForBit) {
  TemporaryFolder folder;
  ModelPtr model = createModel(smallConfig(), 7);
  ASSERT_TRUE(saveModel(*model, tokenizer(), folder.path()));
  auto loaded = loadModel(folder.path());
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(contentHash(**loaded), contentHash(*model));
}

TEST(ModelFiles, TransformersLoadsItAndAgrees) {
  TemporaryFolder folder;
  data::Tokenizer tokens = tokenizer();
  Gpt2Config config = smallConfig();
  config.vocab_size = tokens.vocabSize();
  config.eos_token_id = tokens.endOfText();
  ModelPtr model = createModel(config, 7);
  std::vector<at::Tensor> parameters;
  for (auto &[name, tensor] : model->named())
    parameters.push_back(tensor.detach());
  ASSERT_TRUE(saveModel(*model, tokens, folder.path()));
  nlohmann::json expected;
  for (std::string text :
       {"a film that was good", "The b\u00e4st \u2014 film!", "  two  spaces\n", "x"}) {
    std::vector<int32_t> ids = tokens.encode(text);
    ASSERT_LE(ids.size(), 24u);
    // The logits through our own blocks and head weight, not the eager oracle.
    Sequence sequence{ids, 1};
    sequence.tokens.push_back(0);
    const Sequence *pointer = &sequence;
    at::NoGradGuard noGrad;
    at::Tensor logits = model->hidden(TokenBatch(std::span(&pointer, 1))).mm(model->wte_VD.t());
    auto rows = nlohmann::json::array();
    for (int64_t t = 0; t < logits.size(0); ++t)
      rows.push_back(std::vector<float>(logits[t].const_data_ptr<float>(),
                                        logits[t].const_data_ptr<float>() + logits.size(1)));
    expected["texts"].push_back(text);
    expected["ids"].push_back(ids);
    expected["logits"].push_back(rows);
  }
  ASSERT_TRUE(data::writeFileAtomically(folder.path() + "/expected.json", expected.dump()));
  std::string python = DISCO_PYTHON;
  if (!std::filesystem::exists(python))
    GTEST_SKIP() << "no " << python;
  int status = std::system(
      (python + " " DISCO_SOURCE_DIR "/test/unit/trainer/load_in_transformers.py " + folder.path())
          .c_str());
  if (WEXITSTATUS(status) == 77)
    GTEST_SKIP() << "transformers is not installed in .venv (tools/requirements-test.txt)";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(ModelFiles, TruncatedWeightsAreRefused) {
  TemporaryFolder folder;
  ASSERT_TRUE(saveModel(*createModel(smallConfig(), 7), tokenizer(), folder.path()));
  std::string path = folder.path() + "/model.safetensors";
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 4);
  auto loaded = loadModel(folder.path());
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().message.rfind(path, 0), 0u);
}

TEST(ModelConfig, HostileSizesAreRefusedBeforeAllocation) {
  auto config = [](const std::string &key, const std::string &value) {
    nlohmann::json root = nlohmann::json::parse(toJson(smallConfig()));
    root[key] = nlohmann::json::parse(value);
    return configFromJson(root.dump(), "config.json");
  };
  EXPECT_TRUE(config("n_embd", "16"));
  for (auto [key, value] : {std::pair{"n_embd", "2147483648"},
                            {"n_embd", "-16"},
                            {"n_layer", "1000000000"},
                            {"n_head", "3"},
                            {"vocab_size", "0"},
                            {"vocab_size", "\"many\""},
                            {"layer_norm_epsilon", "0"},
                            {"activation_function", "\"relu\""},
                            {"model_type", "\"llama\""},
                            {"tie_word_embeddings", "false"},
                            {"n_inner", "7"},
                            {"eos_token_id", "37"}})
    EXPECT_FALSE(config(key, value)) << key << " " << value;
  EXPECT_FALSE(configFromJson("[", "config.json"));
}

} // namespace
} // namespace disco::trainer
