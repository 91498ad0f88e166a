// JSON of job specs and results, and the key under which a result is kept. Reading checks every
// field; what a job means is the trainer's business.
#include "trainer/Job.h"

#include "trainer/data/ContentHash.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <limits>
#include <stdexcept>

namespace disco::trainer {
namespace {

using nlohmann::json;

constexpr const char *kNonFinite[] = {"NaN", "Infinity", "-Infinity"};

/// JSON has no non-finite numbers; they travel as the three strings that discoc uses too.
json number(double value) {
  if (std::isnan(value))
    return kNonFinite[0];
  if (std::isinf(value))
    return kNonFinite[value > 0 ? 1 : 2];
  return value;
}

/// Takes fields out of an object one by one; the first that is missing or of the wrong type is
/// remembered by name.
class Fields {
public:
  Fields(const json &object, std::string what) : object_(object), what_(std::move(what)) {}

  void text(const char *name, std::string &out) {
    if (const json *field = find(name)) {
      if (field->is_string())
        out = field->get<std::string>();
      else
        fail(name, "a string");
    }
  }
  void real(const char *name, double &out) {
    if (const json *field = find(name)) {
      if (field->is_number())
        out = field->get<double>();
      else if (*field == kNonFinite[0])
        out = std::numeric_limits<double>::quiet_NaN();
      else if (*field == kNonFinite[1] || *field == kNonFinite[2])
        out = (*field == kNonFinite[1] ? 1 : -1) * std::numeric_limits<double>::infinity();
      else
        fail(name, "a number");
    }
  }
  template <typename T> void integer(const char *name, T &out) {
    if (const json *field = find(name)) {
      if (!field->is_number_integer() || (!std::is_signed_v<T> && !field->is_number_unsigned()))
        return fail(name, std::is_signed_v<T> ? "an integer" : "an integer of at least 0");
      out = field->get<T>();
    }
  }
  void numbers(const char *name, std::map<std::string, double> &out) {
    const json *field = find(name);
    if (!field)
      return;
    if (!field->is_object())
      return fail(name, "an object of numbers");
    for (const auto &[key, value] : field->items()) {
      if (!value.is_number())
        return fail(name, "an object of numbers");
      out[key] = value.get<double>();
    }
  }
  void object(const char *name, std::string &out) {
    if (const json *field = find(name)) {
      if (field->is_object())
        out = field->dump();
      else
        fail(name, "an object");
    }
  }
  void fail(const char *name, const char *wanted) {
    if (problem_.empty())
      problem_ = what_ + ": field `" + name + "` is not " + wanted;
  }
  /// Empty when every field was as expected.
  const std::string &problem() const { return problem_; }

private:
  const json *find(const char *name) {
    auto found = object_.find(name);
    if (found != object_.end())
      return &*found;
    if (problem_.empty())
      problem_ = what_ + ": field `" + name + "` is missing";
    return nullptr;
  }

  const json &object_;
  std::string what_;
  std::string problem_;
};

json parseObject(const std::string &text, const char *what, std::string &problem) {
  json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded())
    problem = std::string(what) + ": not valid JSON";
  else if (!object.is_object())
    problem = std::string(what) + ": not a JSON object";
  return object;
}

constexpr const char *kStatusNames[] = {"ok", "non_finite", "failed"};

/// The settings as an object, so that spelling and order of keys do not matter. Text that is not
/// JSON stays as it is: the trainer will refuse it, under a key of its own.
json settings(const std::string &trainerConfig) {
  json parsed = json::parse(trainerConfig.empty() ? "{}" : trainerConfig, nullptr,
                            /*allow_exceptions=*/false);
  return parsed.is_discarded() ? json(trainerConfig) : parsed;
}

std::string dump(const json &value, int indent = -1) {
  return value.dump(indent, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace);
}

} // namespace

std::string toJson(const JobSpec &spec) {
  return dump(json{{"objective", spec.objective},
                   {"parameters", spec.parameters},
                   {"task", spec.task},
                   {"prompts", spec.prompts},
                   {"trainer_config", settings(spec.trainerConfig)},
                   {"engine", spec.engine},
                   {"seed", spec.seed},
                   {"threads", spec.threads}},
              2);
}

std::string toJson(const JobResult &result) {
  return dump(json{{"status", kStatusNames[static_cast<int>(result.status)]},
                   {"reason", result.reason},
                   {"reward", number(result.reward)},
                   {"judge", number(result.judge)},
                   {"kl_policy_reference", number(result.klPolicyReference)},
                   {"kl_reference_policy", number(result.klReferencePolicy)},
                   {"completion_length", number(result.completionLength)},
                   {"first_loss", number(result.firstLoss)},
                   {"last_loss", number(result.lastLoss)},
                   {"reward_accuracy", number(result.rewardAccuracy)},
                   {"steps", result.steps},
                   {"seconds", number(result.seconds)}},
              2);
}

Result<JobSpec> jobSpecFromJson(const std::string &text) {
  std::string problem;
  json object = parseObject(text, "job spec", problem);
  if (!problem.empty())
    return Error{problem};
  JobSpec spec;
  Fields fields(object, "job spec");
  fields.text("objective", spec.objective);
  fields.numbers("parameters", spec.parameters);
  fields.text("task", spec.task);
  fields.text("prompts", spec.prompts);
  fields.object("trainer_config", spec.trainerConfig);
  fields.text("engine", spec.engine);
  fields.integer("seed", spec.seed);
  fields.integer("threads", spec.threads);
  if (spec.prompts != "search" && spec.prompts != "final")
    fields.fail("prompts", "`search` or `final`");
  if (spec.engine != "host" && spec.engine != "interpreter")
    fields.fail("engine", "`host` or `interpreter`");
  if (spec.threads < 1)
    fields.fail("threads", "at least 1");
  if (!fields.problem().empty())
    return Error{fields.problem()};
  return spec;
}

Result<JobResult> jobResultFromJson(const std::string &text) {
  std::string problem;
  json object = parseObject(text, "job result", problem);
  if (!problem.empty())
    return Error{problem};
  JobResult result;
  std::string status;
  Fields fields(object, "job result");
  fields.text("status", status);
  fields.text("reason", result.reason);
  fields.real("reward", result.reward);
  fields.real("judge", result.judge);
  fields.real("kl_policy_reference", result.klPolicyReference);
  fields.real("kl_reference_policy", result.klReferencePolicy);
  fields.real("completion_length", result.completionLength);
  fields.real("first_loss", result.firstLoss);
  fields.real("last_loss", result.lastLoss);
  fields.real("reward_accuracy", result.rewardAccuracy);
  fields.integer("steps", result.steps);
  fields.real("seconds", result.seconds);
  bool known = false;
  for (int i = 0; i < 3; ++i)
    if (status == kStatusNames[i]) {
      result.status = static_cast<JobResult::Status>(i);
      known = true;
    }
  if (!known)
    fields.fail("status", "`ok`, `non_finite` or `failed`");
  if (!fields.problem().empty())
    return Error{fields.problem()};
  return result;
}

std::string jobKey(const JobSpec &spec, const std::string &codeHash, const std::string &taskHash) {
  json identity = json::array({codeHash, spec.parameters, taskHash, settings(spec.trainerConfig),
                               kTrainerVersion, spec.prompts, spec.seed});
  return data::sha256Hex(dump(identity));
}

} // namespace disco::trainer
