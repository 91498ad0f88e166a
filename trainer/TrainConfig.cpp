// The list of keys, reading them with yaml-cpp, and the schedule.
#include "trainer/TrainConfig.h"

#include <nlohmann/json.hpp>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <set>
#include <span>

namespace disco::trainer {
namespace {

// In the order of the enumerations.
constexpr const char *kScheduleNames[] = {"cosine", "linear", "constant"};
constexpr const char *kStatisticsNames[] = {"step", "micro"};
std::span<const char *const> namesOf(Schedule) { return kScheduleNames; }
std::span<const char *const> namesOf(Statistics) { return kStatisticsNames; }

/// "a, b and c".
std::string listed(std::span<const char *const> names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i)
    text += std::string(i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

/// Visits every key of a training with its value and the least value allowed; `above` makes that
/// bound exclusive. The one list.
template <typename Config, typename Visitor> void visitKeys(Config &c, Visitor &&visit) {
  visit("learning_rate", c.learning_rate, 0.0, true);
  visit("per_device_train_batch_size", c.per_device_train_batch_size, 1.0, false);
  visit("gradient_accumulation_steps", c.gradient_accumulation_steps, 1.0, false);
  visit("statistics", c.statistics, 0.0, false);
  visit("max_steps", c.max_steps, 0.0, false);
  visit("num_train_epochs", c.num_train_epochs, 0.0, true);
  visit("warmup_ratio", c.warmup_ratio, 0.0, false);
  visit("lr_scheduler_type", c.lr_scheduler_type, 0.0, false);
  visit("max_grad_norm", c.max_grad_norm, 0.0, false);
  visit("weight_decay", c.weight_decay, 0.0, false);
  visit("adam_beta1", c.adam_beta1, 0.0, false);
  visit("adam_beta2", c.adam_beta2, 0.0, false);
  visit("adam_epsilon", c.adam_epsilon, 0.0, true);
  visit("seed", c.seed, 0.0, false);
  visit("logging_steps", c.logging_steps, 1.0, false);
  visit("save_steps", c.save_steps, 0.0, false);
  visit("max_length", c.max_length, 2.0, false);
  visit("append_eos", c.append_eos, 0.0, false);
  visit("max_pairs", c.max_pairs, 0.0, false);
}

/// Reads one mapping; the first fault is kept and ends the reading.
class SectionReader {
public:
  SectionReader(const YAML::Node &node, std::string place) : node_(node), place_(std::move(place)) {
    if (node && !node.IsNull() && !node.IsMap())
      fail(node, "a mapping of settings is expected");
  }

  template <typename T>
  void operator()(const char *key, T &field, double least = 0, bool above = false) {
    known_.push_back(key);
    YAML::Node value =
        failed() || !node_ || !node_.IsMap() ? YAML::Node(YAML::NodeType::Undefined) : node_[key];
    if (!value)
      return;
    try {
      if constexpr (std::is_enum_v<T>) {
        auto name = value.as<std::string>();
        auto names = namesOf(field);
        auto found = std::find(names.begin(), names.end(), name);
        if (found == names.end())
          return fail(value,
                      "`" + std::string(key) + "` is `" + name + "`, known are " + listed(names));
        field = static_cast<T>(found - names.begin());
      } else {
        field = value.as<T>();
        if constexpr (std::is_arithmetic_v<T> && !std::is_same_v<T, bool>) {
          double number = static_cast<double>(field);
          if (!(above ? number > least : number >= least) || std::isinf(number))
            fail(value, "`" + std::string(key) + "` is " + value.Scalar() + ", it must be " +
                            (above ? "more than " : "at least ") + nlohmann::json(least).dump());
        }
      }
    } catch (const YAML::Exception &) {
      fail(value, "`" + std::string(key) + "` does not have the right type");
    }
  }
  YAML::Node section(const char *key) {
    known_.push_back(key);
    return !failed() && node_ && node_.IsMap() ? node_[key] : YAML::Node(YAML::NodeType::Undefined);
  }
  /// To be called after all keys were asked for.
  Result<void> finish() {
    std::set<std::string> given;
    if (!failed() && node_ && node_.IsMap())
      for (const auto &entry : node_) {
        std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
        if (!given.insert(key).second)
          fail(entry.first, "`" + key + "` is given twice");
        if (std::find(known_.begin(), known_.end(), key) == known_.end())
          fail(entry.first, "unknown key `" + key + "`; known are " + join(known_));
      }
    if (failed())
      return Error{fault_};
    return {};
  }

private:
  bool failed() const { return !fault_.empty(); }
  void fail(const YAML::Node &node, const std::string &what) {
    if (failed())
      return;
    YAML::Mark mark = node.Mark();
    fault_ = place_ + (mark.line >= 0 ? ":" + std::to_string(mark.line + 1) : "") + ": " + what;
  }
  static std::string join(const std::vector<std::string> &names) {
    std::string text;
    for (const std::string &name : names)
      text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  YAML::Node node_;
  std::string place_, fault_;
  std::vector<std::string> known_;
};

Result<YAML::Node> parseYaml(const std::string &text, const std::string &place) {
  if (text.size() > (1 << 20))
    return Error{place + ": larger than 1 MiB"};
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception &exception) {
    return Error{place + ":" + std::to_string(exception.mark.line + 1) + ": " + exception.msg};
  }
}

// Far more than anybody trains; counts of pairs and of steps stay within 64 bits.
constexpr int64_t kMaximalPairs = 1'000'000'000, kMaximalEpochs = 1'000'000'000;

/// Bounds that involve more than one value or an upper end.
Result<void> check(const TrainConfig &config, const std::string &place) {
  if (config.warmup_ratio > 1)
    return Error{place + ": `warmup_ratio` must be at most 1"};
  if (config.adam_beta1 >= 1 || config.adam_beta2 >= 1)
    return Error{place + ": `adam_beta1` and `adam_beta2` must be below 1"};
  if (config.per_device_train_batch_size > kMaximalPairs / config.gradient_accumulation_steps)
    return Error{place +
                 ": `per_device_train_batch_size` times `gradient_accumulation_steps` must be "
                 "at most " +
                 std::to_string(kMaximalPairs)};
  if (config.num_train_epochs > kMaximalEpochs)
    return Error{place + ": `num_train_epochs` must be at most " + std::to_string(kMaximalEpochs)};
  return {};
}

} // namespace

int64_t TrainConfig::steps(int64_t items) const {
  if (max_steps > 0)
    return max_steps;
  return std::max<int64_t>(
      1, std::llround(std::floor(num_train_epochs * static_cast<double>(items / pairsPerStep()))));
}

double TrainConfig::learningRate(int64_t step, int64_t total) const {
  auto warmup = static_cast<int64_t>(std::ceil(warmup_ratio * static_cast<double>(total)));
  if (step < warmup)
    return learning_rate * static_cast<double>(step) /
           static_cast<double>(std::max<int64_t>(1, warmup));
  double progress = static_cast<double>(step - warmup) /
                    static_cast<double>(std::max<int64_t>(1, total - warmup));
  switch (lr_scheduler_type) {
  case Schedule::Cosine:
    return learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * progress));
  case Schedule::Linear:
    return learning_rate * (1 - progress);
  case Schedule::Constant:
    return learning_rate;
  }
  return learning_rate;
}

Result<Recipe> recipeFromYaml(const std::string &text, const std::string &place) {
  auto root = parseYaml(text, place);
  if (!root)
    return root.error();
  Recipe recipe;
  SectionReader top(*root, place);
  top("task", recipe.task);
  SectionReader train(top.section("train"), place), eval(top.section("eval"), place);
  if (auto ok = top.finish(); !ok)
    return ok.error();
  visitKeys(recipe.train, train);
  if (auto ok = train.finish(); !ok)
    return ok.error();
  eval("prompts", recipe.eval.prompts);
  eval("max_prompts", recipe.eval.max_prompts);
  eval("samples", recipe.eval.samples, 1);
  eval("seed", recipe.eval.seed);
  if (auto ok = eval.finish(); !ok)
    return ok.error();
  if (recipe.task.empty())
    return Error{place + ": `task` is missing; it names a directory made by `disco data`"};
  if (recipe.eval.prompts != "search" && recipe.eval.prompts != "final")
    return Error{place + ": `prompts` of `eval` is `" + recipe.eval.prompts +
                 "`, known are search and final"};
  if (auto ok = check(recipe.train, place); !ok)
    return ok.error();
  return recipe;
}

Result<JobConfig> jobConfigFromYaml(const std::string &text, const std::string &place) {
  auto root = parseYaml(text, place);
  if (!root)
    return root.error();
  JobConfig config;
  SectionReader reader(*root, place);
  visitKeys(config.train, reader);
  reader("eval_prompts", config.eval_prompts);
  reader("eval_samples", config.eval_samples, 1);
  if (auto ok = reader.finish(); !ok)
    return ok.error();
  if (auto ok = check(config.train, place); !ok)
    return ok.error();
  return config;
}

std::string toJson(const TrainConfig &config) {
  nlohmann::ordered_json root;
  visitKeys(config, [&](const char *key, const auto &field, double, bool) {
    using Field = std::decay_t<decltype(field)>;
    // Left out by default: this text is part of the identity of tasks and checkpoints, and theirs
    // is older than this key.
    if constexpr (std::is_same_v<Field, Statistics>)
      if (field == Statistics::Step)
        return;
    if constexpr (std::is_enum_v<Field>)
      root[key] = namesOf(field)[static_cast<size_t>(field)];
    else
      root[key] = field;
  });
  return root.dump(2);
}

} // namespace disco::trainer
