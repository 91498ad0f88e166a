// Recipes: what is read, what is refused with its place, and the learning-rate schedules.
#include "trainer/TrainConfig.h"

#include <gtest/gtest.h>

namespace disco::trainer {
namespace {

std::string fault(const std::string &text) {
  auto recipe = recipeFromYaml(text, "r.yaml");
  return recipe ? "" : recipe.error().message;
}

TEST(TrainConfig, ReadsARecipe) {
  auto recipe = recipeFromYaml("task: data/x\ntrain:\n  learning_rate: 5e-4\n  lr_scheduler_type: "
                               "linear\neval: {prompts: search}\n",
                               "r.yaml");
  ASSERT_TRUE(recipe) << recipe.error().message;
  EXPECT_EQ(recipe->task, "data/x");
  EXPECT_EQ(recipe->train.learning_rate, 5e-4);
  EXPECT_EQ(recipe->train.lr_scheduler_type, Schedule::Linear);
  EXPECT_EQ(recipe->eval.prompts, "search");
}

TEST(TrainConfig, UnknownKeyNamesFileAndLine) {
  std::string message = fault("task: x\ntrain:\n  max_steps: 3\n  learning_rat: 1\n");
  EXPECT_EQ(message.rfind("r.yaml:4: unknown key `learning_rat`", 0), 0u) << message;
}

TEST(TrainConfig, WrongTypeNamesTheKey) {
  EXPECT_EQ(fault("task: x\ntrain: {max_steps: many}\n"),
            "r.yaml:2: `max_steps` does not have the right type");
}

TEST(TrainConfig, ValuesOutOfRangeAreRefused) {
  EXPECT_EQ(fault("task: x\ntrain: {learning_rate: 0}\n"),
            "r.yaml:2: `learning_rate` is 0, it must be more than 0.0");
  EXPECT_NE(fault("task: x\ntrain: {learning_rate: .nan}\n"), "");
  EXPECT_NE(fault("task: x\ntrain: {per_device_train_batch_size: 0}\n"), "");
  EXPECT_NE(fault("task: x\ntrain: {warmup_ratio: 2}\n"), "");
  EXPECT_NE(fault("task: x\ntrain: {num_train_epochs: 1e300}\n"), "");
  EXPECT_EQ(fault("task: x\ntrain: {per_device_train_batch_size: 4000000000, "
                  "gradient_accumulation_steps: 4000000000}\n"),
            "r.yaml: `per_device_train_batch_size` times `gradient_accumulation_steps` must be at "
            "most 1000000000");
}

TEST(TrainConfig, AKeyGivenTwiceIsRefused) {
  EXPECT_EQ(fault("task: x\ntrain:\n  max_steps: 2\n  max_steps: 3\n"),
            "r.yaml:4: `max_steps` is given twice");
  EXPECT_EQ(fault("task: x\ntask: y\n"), "r.yaml:2: `task` is given twice");
}

TEST(TrainConfig, AnUnknownWordIsRefusedWithTheKnownOnes) {
  EXPECT_EQ(fault("task: x\ntrain:\n  statistics: batch\n"),
            "r.yaml:3: `statistics` is `batch`, known are step and micro");
  EXPECT_EQ(fault("task: x\ntrain: {lr_scheduler_type: sine}\n"),
            "r.yaml:2: `lr_scheduler_type` is `sine`, known are cosine, linear and constant");
}

TEST(TrainConfig, OnlyMicroStatisticsAreNamed) {
  TrainConfig config;
  EXPECT_EQ(toJson(config).find("statistics"), std::string::npos);
  config.statistics = Statistics::Micro;
  auto again = jobConfigFromYaml(toJson(config), "printed");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(again->train.statistics, Statistics::Micro);
}

TEST(TrainConfig, BrokenYamlNamesTheLine) {
  EXPECT_EQ(fault("task: x\ntrain: [\n").rfind("r.yaml:", 0), 0u);
}

TEST(TrainConfig, ARecipeNeedsATask) {
  EXPECT_NE(fault("train: {max_steps: 3}\n").find("`task` is missing"), std::string::npos);
}

TEST(TrainConfig, JobSettingsAreTheSameKeysAsJson) {
  auto config =
      jobConfigFromYaml(R"({"learning_rate": 0.001, "max_steps": 7, "eval_prompts": 5})", "job");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->train.max_steps, 7);
  EXPECT_EQ(config->eval_prompts, 5);
}

TEST(TrainConfig, WhatIsPrintedIsReadBack) {
  TrainConfig config;
  config.learning_rate = 0.1234567890123;
  config.lr_scheduler_type = Schedule::Constant;
  auto again = jobConfigFromYaml(toJson(config), "printed");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(toJson(again->train), toJson(config));
}

TEST(TrainConfig, LearningRateWarmsUpAndDecays) {
  TrainConfig config;
  config.learning_rate = 1;
  config.warmup_ratio = 0.2;
  EXPECT_EQ(config.learningRate(0, 10), 0);
  EXPECT_EQ(config.learningRate(1, 10), 0.5);
  EXPECT_EQ(config.learningRate(2, 10), 1);
  EXPECT_NEAR(config.learningRate(6, 10), 0.5, 1e-12); // half way down the cosine
  config.lr_scheduler_type = Schedule::Linear;
  EXPECT_NEAR(config.learningRate(8, 10), 0.25, 1e-12);
}

} // namespace
} // namespace disco::trainer
