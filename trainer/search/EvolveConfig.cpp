// See EvolveConfig.h.
#include "trainer/search/EvolveConfig.h"

#include "trainer/search/Text.h"

#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace disco::search {
namespace {

using nlohmann::json;

/// Reads one mapping: each known key is asked for once; what nobody asked for is an error. The
/// first error stays.
class Mapping {
public:
  Mapping(YAML::Node node, std::string place, std::string &problem)
      : node_(node), place_(std::move(place)), problem_(problem) {
    if (node_.IsDefined() && !node_.IsNull() && !node_.IsMap())
      fail(node_, "expected keys with values");
  }

  void get(const char *key, std::string &out) {
    if (YAML::Node value = take(key); isScalar(key, value))
      out = value.as<std::string>();
  }
  void get(const char *key, double &out, double least, double most) {
    if (YAML::Node value = take(key); isScalar(key, value))
      checkRange(key, value, out, least, most, "a number");
  }
  template <typename T> void getInteger(const char *key, T &out, double least, double most) {
    if (YAML::Node value = take(key); isScalar(key, value))
      checkRange(key, value, out, least, most, "an integer");
  }
  void get(const char *key, std::vector<std::string> &out) {
    YAML::Node value = take(key);
    if (!value.IsDefined())
      return;
    if (!value.IsSequence())
      return fail(value, std::string("`") + key + "` must be a list");
    out.clear();
    for (const YAML::Node &item : value)
      if (isScalar(key, item))
        out.push_back(item.as<std::string>());
  }
  void getChoice(const char *key, std::string &out, std::initializer_list<const char *> choices) {
    YAML::Node value = take(key);
    if (!isScalar(key, value))
      return;
    out = value.as<std::string>();
    if (std::none_of(choices.begin(), choices.end(),
                     [&](const char *choice) { return out == choice; }))
      fail(value, std::string("`") + key + "` cannot be `" + oneLine(out, 40) + "`");
  }
  YAML::Node take(const char *key) {
    known_.insert(key);
    return node_.IsDefined() && node_.IsMap() ? node_[key] : YAML::Node(YAML::NodeType::Undefined);
  }
  Mapping section(const char *key) { return Mapping(take(key), place_, problem_); }
  void finish() {
    if (!node_.IsDefined() || !node_.IsMap())
      return;
    for (const auto &item : node_)
      if (std::string key = item.first.as<std::string>(""); !known_.count(key))
        fail(item.first, "unknown key `" + oneLine(key, 40) + "`");
  }
  void fail(const YAML::Node &at, const std::string &message) {
    if (problem_.empty())
      problem_ = place_ + ":" + std::to_string(at.Mark().line + 1) + ": " + message;
  }

private:
  bool isScalar(const char *key, const YAML::Node &value) {
    if (!value.IsDefined())
      return false;
    if (!value.IsScalar())
      fail(value, std::string("`") + key + "` must be a single value");
    return value.IsScalar();
  }
  template <typename T>
  void checkRange(const char *key, const YAML::Node &value, T &out, double least, double most,
                  const char *what) {
    T number{};
    if (!YAML::convert<T>::decode(value, number) || !(number >= least && number <= most)) {
      json bounds = {least, most};
      return fail(value, std::string("`") + key + "` must be " + what + " in " + bounds.dump() +
                             ", not `" + oneLine(value.Scalar(), 40) + "`");
    }
    out = number;
  }

  YAML::Node node_;
  std::string place_;
  std::string &problem_;
  std::set<std::string> known_;
};

/// A scalar as JSON: number or boolean where it reads as one and is not quoted, else text.
json scalar(const YAML::Node &value) {
  bool quoted = value.Tag() == "!";
  bool flag = false;
  int64_t integer = 0;
  double real = 0;
  if (!quoted && YAML::convert<int64_t>::decode(value, integer))
    return integer;
  if (!quoted && YAML::convert<double>::decode(value, real))
    return real;
  if (!quoted && YAML::convert<bool>::decode(value, flag))
    return flag;
  return value.Scalar();
}

/// The mapping of training settings under `key` as a JSON object, laid over `base`.
json trainSettings(Mapping &root, const char *key, json base) {
  YAML::Node node = root.take(key);
  if (!node.IsDefined() || node.IsNull())
    return base;
  if (!node.IsMap()) {
    root.fail(node, std::string("`") + key + "` must hold keys with values");
    return base;
  }
  for (const auto &item : node) {
    if (!item.second.IsScalar())
      root.fail(item.second, "a training setting must be a single value");
    else
      base[item.first.as<std::string>()] = scalar(item.second);
  }
  return base;
}

void readProposers(Mapping &root, EvolveConfig &config) {
  YAML::Node node = root.take("proposers");
  if (!node.IsDefined())
    return;
  if (!node.IsMap())
    return root.fail(node, "`proposers` must hold names with shares");
  config.proposers.clear();
  for (const auto &item : node) {
    ProposerShare share{item.first.as<std::string>(""), item.second.as<double>(-1)};
    if (share.name != "grammar" && share.name != "openai" && share.name != "replay")
      root.fail(item.first, "unknown proposer `" + oneLine(share.name, 40) +
                                "`; there are grammar, openai and replay");
    if (!(share.share > 0 && std::isfinite(share.share)))
      root.fail(item.second, "the share of a proposer must be a positive number");
    config.proposers.push_back(share);
  }
  if (config.proposers.empty())
    root.fail(node, "at least one proposer is needed");
}

void readScores(Mapping &root, EvolveConfig &config) {
  root.get("target_kl", config.short_score.targetKl, 1e-6, 100);
  config.final_score.targetKl = config.short_score.targetKl;
  root.getInteger("short_trainings", config.short_score.maxTrainings, 2, 100);
  root.getInteger("final_trainings", config.final_score.maxTrainings, 2, 100);
  root.get("short_bracket_ratio", config.short_score.bracketRatio, 1, 1e6);
  root.get("final_bracket_ratio", config.final_score.bracketRatio, 1, 1e6);
}

void readOpenAi(Mapping section, OpenAiConfig &config) {
  section.get("base_url", config.base_url);
  section.get("model", config.model);
  section.get("temperature", config.temperature, 0, 2);
  section.getInteger("max_tokens", config.max_tokens, 16, 65536);
  section.getInteger("timeout_s", config.timeout_s, 1, 600);
  section.getInteger("max_retries", config.max_retries, 0, 10);
  section.get("record", config.record);
  section.finish();
}

/// Names become parts of paths below the objectives' folder, so they are letters, digits and
/// underscores only.
void checkNames(Mapping &root, const char *key, const std::vector<std::string> &names) {
  for (const std::string &name : names)
    if (name != sanitiseLabel(name))
      root.fail(root.take(key), "`" + oneLine(name, 40) + "` is not the name of an objective");
}

} // namespace

Result<EvolveConfig>
evolveConfigFromYaml(const std::string &text, const std::string &place,
                     const std::function<Result<void>(const std::string &)> &checkTrain) {
  EvolveConfig config;
  std::string problem;
  try {
    YAML::Node document = YAML::Load(text);
    Mapping root(document, place, problem);
    root.get("task", config.task);
    root.get("objectives", config.objectives);
    root.get("seeds", config.seeds);
    root.get("baselines", config.baselines);
    root.getInteger("seed", config.seed, 0, 0x1p53);
    root.getInteger("workers", config.workers, 1, 256);
    root.getInteger("threads", config.threads, 1, 256);
    root.getChoice("engine", config.engine, {"host", "interpreter"});
    root.getInteger("deadline_s", config.deadline_s, 1, 1e6);
    root.getInteger("memory_mb", config.memory_mb, 64, 1e6);
    readProposers(root, config);
    root.getInteger("generations", config.generations, 0, 1e6);
    root.getInteger("offspring", config.offspring, 1, 1e4);
    root.getInteger("attempts", config.attempts, 1, 1e6);
    root.getInteger("population", config.population, 1, 1e4);
    root.getInteger("finalists", config.finalists, 0, 1000);
    root.getInteger("final_seeds", config.final_seeds, 1, 100);
    readScores(root, config);
    json train = trainSettings(root, "train", json::object());
    config.train = train.dump();
    config.short_train = trainSettings(root, "short", train).dump();
    readOpenAi(root.section("openai"), config.openai);
    Mapping replay = root.section("replay");
    replay.get("file", config.replay);
    replay.finish();
    checkNames(root, "seeds", config.seeds);
    checkNames(root, "baselines", config.baselines);
    root.finish();
  } catch (const YAML::Exception &exception) {
    return Error{place + ":" + std::to_string(exception.mark.line + 1) + ": " + exception.msg};
  }
  if (!problem.empty())
    return Error{problem};
  if (config.task.empty())
    return Error{place + ": key `task` is missing; it names a folder made by `disco data`"};
  if (config.baselines.empty())
    return Error{place + ": `baselines` is empty; a search is measured against at least one"};
  for (const std::string *settings : {&config.train, &config.short_train})
    if (Result<void> checked = checkTrain(*settings); !checked)
      return Error{place + ": " + checked.error().message};
  return config;
}

std::string searchIdentity(const EvolveConfig &config) {
  json proposers = json::array();
  for (const ProposerShare &proposer : config.proposers)
    proposers.push_back({proposer.name, proposer.share});
  auto score = [](const ScoreSettings &s) {
    return json{s.targetKl, s.maxTrainings, s.bracketRatio};
  };
  return json{{"seeds", config.seeds},
              {"baselines", config.baselines},
              {"seed", config.seed},
              {"proposers", proposers},
              {"generations", config.generations},
              {"offspring", config.offspring},
              {"attempts", config.attempts},
              {"population", config.population},
              {"finalists", config.finalists},
              {"final_seeds", config.final_seeds},
              {"short_score", score(config.short_score)},
              {"final_score", score(config.final_score)},
              {"train", json::parse(config.train)},
              {"short", json::parse(config.short_train)}}
      .dump();
}

} // namespace disco::search
