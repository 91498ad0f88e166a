// The reverse sweep: seeds, sums over pairs, and who gets no gradient. That the numbers are right is checked against
// formulas and the interpreter in test/unit/compiler.
// REQUIRES: compiler
// RUN: %disco-opt %s -split-input-file -verify-diagnostics -obj-differentiate -canonicalize -cse | FileCheck %s

// Pair losses are averaged: the seed is 1 / n.
// CHECK-LABEL: @seed_of_pair_loss
obj.objective @seed_of_pair_loss(policy_chosen_logps: %x) parameters [] wrt [policy_chosen_logps] metrics [] {
  // CHECK: %[[ONE:.*]] = obj.constant 1
  // CHECK: %[[E:.*]] = obj.exp
  // CHECK: %[[N:.*]] = obj.batch_size
  // CHECK: %[[SEED:.*]] = obj.div %[[ONE]], %[[N]]
  // CHECK: %[[D:.*]] = obj.mul %[[SEED]], %[[E]]
  // CHECK: gradients %[[D]]
  %e = obj.exp %x : !obj.real<pair>
  obj.yield loss %e : !obj.real<pair>
}

// -----

// A batch loss is its own mean, and a batch_sum hands its adjoint to every pair.
// CHECK-LABEL: @seed_of_batch_loss
obj.objective @seed_of_batch_loss(policy_chosen_logps: %x) parameters [] wrt [policy_chosen_logps] metrics [] {
  // CHECK: %[[ONE:.*]] = obj.constant 1
  // CHECK: gradients %[[ONE]] : !obj.real<batch>
  %sum = obj.batch_sum %x
  obj.yield loss %sum : !obj.real<batch>
}

// -----

// What pair operations pass to a batch value is summed over the pairs.
// CHECK-LABEL: @pair_contribution_to_batch_value
obj.objective @pair_contribution_to_batch_value(policy_chosen_logps: %x) parameters [] wrt [policy_chosen_logps] metrics [] {
  // CHECK: %[[SEED:.*]] = obj.div
  // CHECK: %[[PASSED:.*]] = obj.mul %[[SEED]], %policy_chosen_logps
  // CHECK: obj.batch_sum %[[PASSED]]
  %sum = obj.batch_sum %x
  %l = obj.mul %sum, %x : !obj.real<batch>, !obj.real<pair>
  obj.yield loss %l : !obj.real<pair>
}

// -----

// Also when each pair passes the same number: n times it, not once.
// CHECK-LABEL: @uniform_contribution_to_batch_value
obj.objective @uniform_contribution_to_batch_value(policy_chosen_logps: %x) parameters [] wrt [policy_chosen_logps] metrics [] {
  // CHECK: %[[N:.*]] = obj.batch_size
  // CHECK: %[[SEED:.*]] = obj.div
  // CHECK: %[[ALL:.*]] = obj.mul %[[SEED]], %[[N]]
  // CHECK: obj.add %{{.*}}, %[[ALL]]
  %sum = obj.batch_sum %x
  %l = obj.add %sum, %x : !obj.real<batch>, !obj.real<pair>
  obj.yield loss %l : !obj.real<pair>
}

// -----

// An input that is not read, or only through detach, has gradient 0.
// CHECK-LABEL: @no_dependence
obj.objective @no_dependence(policy_chosen_logps: %x, chosen_length: %y) parameters [] wrt [policy_chosen_logps, policy_rejected_logps] metrics [] {
  // CHECK: %[[ZERO:.*]] = obj.constant 0
  // CHECK: gradients %[[ZERO]], %[[ZERO]]
  %d = obj.detach %x : !obj.real<pair>
  %l = obj.mul %d, %y : !obj.real<pair>, !obj.real<pair>
  obj.yield loss %l : !obj.real<pair>
}

// -----

// The arm that is not selected gets exactly 0.
// CHECK-LABEL: @where_masks_the_adjoint
obj.objective @where_masks_the_adjoint(policy_chosen_logps: %x, chosen_length: %y) parameters [] wrt [policy_chosen_logps] metrics [] {
  // CHECK: %[[TEST:.*]] = obj.lt
  // CHECK: %[[ZERO_ELSE:.*]] = obj.where %[[TEST]], %{{.*}}, %{{.*}} : <pair>, <batch>, <batch>
  // CHECK: gradients %[[ZERO_ELSE]]
  %test = obj.lt %x, %y : !obj.real<pair>, !obj.real<pair>
  %l = obj.where %test, %x, %y : !obj.bool<pair>, !obj.real<pair>, !obj.real<pair>
  obj.yield loss %l : !obj.real<pair>
}

// -----

obj.objective @exponent_with_gradient(policy_chosen_logps: %x, chosen_length: %y) parameters [] wrt [policy_chosen_logps] metrics [] {
  // expected-error @below {{has an exponent with gradient}}
  %l = obj.pow %y, %x : !obj.real<pair>, !obj.real<pair>
  obj.yield loss %l : !obj.real<pair>
}

// -----

obj.objective @twice(policy_chosen_logps: %x) parameters [] wrt [policy_chosen_logps] metrics [] {
  // expected-error @below {{already has gradients}}
  obj.yield loss %x : !obj.real<pair> gradients %x : !obj.real<pair>
}
