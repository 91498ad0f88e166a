// config.json of Hugging Face's GPT-2, both ways.
#include "trainer/Model.h"

#include <nlohmann/json.hpp>

namespace disco::trainer {
namespace {

using nlohmann::json;

/// What config.json may ask for, before anything is allocated for it.
struct Range {
  const char *key;
  int64_t Gpt2Config::*field;
  int64_t least, most;
};
constexpr Range kRanges[] = {{"vocab_size", &Gpt2Config::vocab_size, 1, 1 << 20},
                             {"n_positions", &Gpt2Config::n_positions, 1, 1 << 16},
                             {"n_embd", &Gpt2Config::n_embd, 1, 1 << 14},
                             {"n_layer", &Gpt2Config::n_layer, 1, 256},
                             {"n_head", &Gpt2Config::n_head, 1, 256}};
constexpr int64_t kMostParameters = int64_t{1} << 31;

} // namespace

int64_t Gpt2Config::parameterCount() const {
  int64_t d = n_embd;
  return (vocab_size + n_positions) * d + n_layer * (12 * d * d + 13 * d) + 2 * d;
}

Result<Gpt2Config> configFromJson(const std::string &text, const std::string &place) {
  auto error = [&](const std::string &what) { return Error{place + ": " + what}; };
  json root = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!root.is_object())
    return error("not a JSON object");
  auto require = [&](const char *key, const json &wanted,
                     const json &defaultValue) -> Result<void> {
    json seen = root.value(key, defaultValue);
    if (seen != wanted)
      return error("`" + std::string(key) + "` is " + seen.dump() + ", only " + wanted.dump() +
                   " is supported");
    return {};
  };
  if (auto ok = require("model_type", "gpt2", nullptr); !ok)
    return ok.error();
  std::string activation =
      root.contains("activation_function") && root["activation_function"].is_string()
          ? root["activation_function"].get<std::string>()
          : "gelu_new";
  if (activation != "gelu_new" && activation != "gelu_pytorch_tanh")
    return error("`activation_function` is `" + activation +
                 "`, only the tanh GELU (`gelu_new`) is supported");
  for (auto [key, wanted] : {std::pair{"scale_attn_weights", true},
                             {"scale_attn_by_inverse_layer_idx", false},
                             {"tie_word_embeddings", true},
                             {"add_cross_attention", false}})
    if (auto ok = require(key, wanted, wanted); !ok)
      return ok.error();

  Gpt2Config config;
  for (const Range &range : kRanges) {
    if (!root.contains(range.key) || !root[range.key].is_number_integer())
      return error("`" + std::string(range.key) + "` is missing or not an integer");
    int64_t value = root[range.key].get<int64_t>();
    if (value < range.least || value > range.most)
      return error("`" + std::string(range.key) + "` is " + std::to_string(value) +
                   ", it must be from " + std::to_string(range.least) + " to " +
                   std::to_string(range.most));
    config.*range.field = value;
  }
  if (config.n_embd % config.n_head != 0)
    return error("`n_embd` " + std::to_string(config.n_embd) + " is not a multiple of `n_head` " +
                 std::to_string(config.n_head));
  if (config.parameterCount() > kMostParameters)
    return error("a model of " + std::to_string(config.parameterCount()) +
                 " parameters, the limit is " + std::to_string(kMostParameters));
  if (root.contains("n_inner") && !root["n_inner"].is_null() &&
      root["n_inner"] != json(4 * config.n_embd))
    return error("`n_inner` is " + root["n_inner"].dump() + ", only 4 times `n_embd` is supported");
  if (const auto &epsilon = root.value("layer_norm_epsilon", json(1e-5)); epsilon.is_number())
    config.layer_norm_epsilon = epsilon.get<double>();
  if (!(config.layer_norm_epsilon > 0 && config.layer_norm_epsilon < 1))
    return error("`layer_norm_epsilon` must be between 0 and 1");
  if (const auto &range = root.value("initializer_range", json(0.02)); range.is_number())
    config.initializer_range = range.get<double>();
  config.eos_token_id = config.vocab_size - 1;
  if (const auto &eos = root.value("eos_token_id", json()); eos.is_number_integer())
    config.eos_token_id = eos.get<int64_t>();
  if (config.eos_token_id < 0 || config.eos_token_id >= config.vocab_size)
    return error("`eos_token_id` " + std::to_string(config.eos_token_id) +
                 " is outside the vocabulary");
  return config;
}

std::string toJson(const Gpt2Config &config) {
  nlohmann::ordered_json root;
  root["architectures"] = {"GPT2LMHeadModel"};
  root["model_type"] = "gpt2";
  root["vocab_size"] = config.vocab_size;
  root["n_positions"] = config.n_positions;
  root["n_ctx"] = config.n_positions;
  root["n_embd"] = config.n_embd;
  root["n_layer"] = config.n_layer;
  root["n_head"] = config.n_head;
  root["n_inner"] = nullptr;
  root["activation_function"] = "gelu_new";
  root["layer_norm_epsilon"] = config.layer_norm_epsilon;
  root["initializer_range"] = config.initializer_range;
  root["scale_attn_weights"] = true;
  root["scale_attn_by_inverse_layer_idx"] = false;
  root["tie_word_embeddings"] = true;
  root["embd_pdrop"] = 0.0;
  root["attn_pdrop"] = 0.0;
  root["resid_pdrop"] = 0.0;
  root["bos_token_id"] = config.eos_token_id;
  root["eos_token_id"] = config.eos_token_id;
  root["dtype"] = "float32";
  return root.dump(2) + "\n";
}

} // namespace disco::trainer
