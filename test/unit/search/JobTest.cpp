// JSON of specs and results, and what a job's key depends on.
#include "trainer/Job.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace disco::trainer {
namespace {

JobSpec exampleSpec() {
  JobSpec spec;
  spec.objective = "objective a { loss = margin; } // \"quoted\"\n";
  spec.parameters = {{"beta", 0.1}};
  spec.task = "data/imdb";
  spec.trainerConfig = R"({"max_steps": 5})";
  spec.seed = 9007199254740993;
  return spec;
}

TEST(Job, SpecSurvivesJson) {
  JobSpec spec = exampleSpec();
  Result<JobSpec> again = jobSpecFromJson(toJson(spec));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->objective, spec.objective);
  EXPECT_EQ(again->parameters, spec.parameters);
  EXPECT_EQ(again->seed, spec.seed);
  EXPECT_EQ(toJson(*again), toJson(spec));
}

TEST(Job, ResultSurvivesJsonWithNonFiniteNumbers) {
  JobResult result;
  result.status = JobResult::Status::NonFinite;
  result.reason = "loss is NaN";
  result.reward = std::numeric_limits<double>::quiet_NaN();
  result.klPolicyReference = std::numeric_limits<double>::infinity();
  result.firstLoss = -std::numeric_limits<double>::infinity();
  result.steps = 3;
  Result<JobResult> again = jobResultFromJson(toJson(result));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->status, result.status);
  EXPECT_TRUE(std::isnan(again->reward));
  EXPECT_EQ(again->klPolicyReference, result.klPolicyReference);
  EXPECT_EQ(again->firstLoss, result.firstLoss);
  EXPECT_EQ(again->reason, "loss is NaN");
}

TEST(Job, ReadingNamesTheFieldThatIsWrong) {
  std::string text = toJson(exampleSpec());
  auto replaced = [&](std::string from, std::string to) {
    std::string changed = text;
    changed.replace(changed.find(from), from.size(), to);
    Result<JobSpec> spec = jobSpecFromJson(changed);
    return spec ? std::string("read") : spec.error().message;
  };
  EXPECT_EQ(replaced("\"seed\": 9007199254740993", "\"seed\": -1"),
            "job spec: field `seed` is not an integer of at least 0");
  EXPECT_EQ(replaced("\"threads\": 1", "\"threads\": 0"),
            "job spec: field `threads` is not at least 1");
  EXPECT_EQ(replaced("\"search\"", "\"secret\""),
            "job spec: field `prompts` is not `search` or `final`");
  EXPECT_EQ(replaced("\"task\"", "\"tusk\""), "job spec: field `task` is missing");
  EXPECT_EQ(replaced("0.1", "\"x\""), "job spec: field `parameters` is not an object of numbers");
  EXPECT_EQ(jobSpecFromJson("[]").error().message, "job spec: not a JSON object");
  EXPECT_EQ(jobResultFromJson("{\"status\":").error().message, "job result: not valid JSON");
}

TEST(Job, KeyDependsOnWhatDecidesTheResultAndNothingElse) {
  JobSpec spec = exampleSpec();
  std::string key = jobKey(spec, "code", "task");
  auto changed = [&](auto change) {
    JobSpec other = spec;
    change(other);
    return jobKey(other, "code", "task") != key;
  };
  EXPECT_TRUE(changed([](JobSpec &s) { s.parameters["beta"] = 0.2; }));
  EXPECT_TRUE(changed([](JobSpec &s) { s.seed += 1; }));
  EXPECT_TRUE(changed([](JobSpec &s) { s.prompts = "final"; }));
  EXPECT_TRUE(changed([](JobSpec &s) { s.trainerConfig = R"({"max_steps": 6})"; }));
  EXPECT_NE(jobKey(spec, "other", "task"), key);
  EXPECT_NE(jobKey(spec, "code", "other"), key);
  EXPECT_FALSE(changed([](JobSpec &s) { s.threads = 8; }));
  EXPECT_FALSE(changed([](JobSpec &s) { s.engine = "interpreter"; }));
  EXPECT_FALSE(changed([](JobSpec &s) { s.trainerConfig = R"( { "max_steps" : 5 } )"; }));
  EXPECT_FALSE(changed([](JobSpec &s) { s.task = "elsewhere/imdb"; }))
      << "the task is its hash, not its place";
}

} // namespace
} // namespace disco::trainer
