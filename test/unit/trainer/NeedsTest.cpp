// What is derived from a program about the work of a step, on programs with one trait each.
#include "trainer/Needs.h"
#include "Fixtures.h"

#include <gtest/gtest.h>

namespace disco::trainer {
namespace {

Needs needs(const std::string &items) { return needsOf(compiled("objective x { " + items + " }")); }

TEST(Needs, ElementwiseLossesAreNotCoupled) {
  EXPECT_FALSE(needs("loss = softplus(-margin);").coupled);
  EXPECT_FALSE(needs("loss = token_sum(chosen_token_kl * policy_chosen_token_logps);").coupled);
  EXPECT_FALSE(needs("loss = softplus(-margin) / batch_size * (1 + progress);").coupled);
}

TEST(Needs, StatisticsOfWhatNoPolicyChangesDoNotCouple) {
  EXPECT_FALSE(needs("loss = margin * batch_std(chosen_length);").coupled);
  EXPECT_FALSE(needs("loss = softplus(-margin - batch_max(reference_chosen_logps));").coupled);
}

TEST(Needs, AMeanThatIsOnlyAddedDoesNotCouple) {
  EXPECT_FALSE(needs("loss = softplus(-margin) + 2 * batch_mean(square(chosen_ratio));").coupled);
  EXPECT_FALSE(needs("loss = -margin - batch_mean(margin) / batch_mean(chosen_length);").coupled);
}

TEST(Needs, StatisticsOfThePolicyInAnyOtherPlaceCouple) {
  EXPECT_TRUE(needs("loss = softplus(-margin - batch_mean(margin));").coupled);
  EXPECT_TRUE(needs("loss = margin * detach(batch_mean(margin));").coupled);
  EXPECT_TRUE(needs("loss = margin / batch_sum(policy_chosen_logps);").coupled);
  EXPECT_TRUE(needs("loss = square(batch_mean(margin));").coupled);
  EXPECT_TRUE(needs("loss = where(margin < batch_mean(margin), margin, 0);").coupled);
  EXPECT_TRUE(needs("loss = softplus(batch_sort(margin));").coupled);
  EXPECT_TRUE(needs("loss = margin - batch_quantile(margin, 0.5);").coupled);
}

TEST(Needs, WhatOnlyTheNextStateReadsDoesNotCouple) {
  EXPECT_FALSE(
      needs("state s = 0; next s = s + square(batch_mean(margin)); loss = -s * margin;").coupled);
}

TEST(Needs, TheReferenceComesWithWhatReadsIt) {
  Needs cpo = needs("reward chosen = policy_chosen_logps; reward rejected = policy_rejected_logps;"
                    "loss = softplus(policy_rejected_logps - policy_chosen_logps);");
  EXPECT_FALSE(cpo.referenceLogps());
  EXPECT_FALSE(cpo.divergence());
  EXPECT_TRUE(needs("loss = -token_sum(policy_chosen_token_logps *"
                    "reference_chosen_token_logps);")
                  .referenceLogps());
  EXPECT_TRUE(needs("loss = token_sum(rejected_token_kl);").divergence());
  EXPECT_TRUE(needs("state s = 0; next s = batch_mean(reference_chosen_logps);"
                    "loss = s * policy_chosen_logps;")
                  .referenceLogps());
}

} // namespace
} // namespace disco::trainer
