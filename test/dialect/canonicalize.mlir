// Rewrites that are exact in IEEE arithmetic, and ones that look so but are not.
// REQUIRES: compiler
// RUN: %disco-opt %s -canonicalize | FileCheck %s

// CHECK-LABEL: @identities
// CHECK-SAME: policy_chosen_logps: %[[X:.*]])
obj.objective @identities(policy_chosen_logps: %x) parameters [] wrt [] metrics [a, b, c, d, e] {
  %zero = obj.constant 0.0
  %one = obj.constant 1.0
  %minus = obj.constant -1.0
  %two = obj.constant 2.0
  %neg = obj.neg %x : !obj.real<pair>
  %a = obj.neg %neg : !obj.real<pair>
  %b = obj.mul %one, %x : !obj.real<batch>, !obj.real<pair>
  %c = obj.sub %x, %zero : !obj.real<pair>, !obj.real<batch>
  // CHECK-DAG: %[[NEG:.*]] = obj.neg %[[X]]
  %d = obj.mul %x, %minus : !obj.real<pair>, !obj.real<batch>
  // CHECK-DAG: %[[SQUARE:.*]] = obj.mul %[[X]], %[[X]]
  %e = obj.pow %x, %two : !obj.real<pair>, !obj.real<batch>
  // CHECK: obj.yield loss %[[X]] : <pair> metrics %[[X]], %[[X]], %[[X]], %[[NEG]], %[[SQUARE]]
  obj.yield loss %x : !obj.real<pair> metrics %a, %b, %c, %d, %e : !obj.real<pair>, !obj.real<pair>, !obj.real<pair>, !obj.real<pair>, !obj.real<pair>
}

// -0 + 0 is 0, inf * 0 and inf - inf are NaN.
// CHECK-LABEL: @inexact_kept
obj.objective @inexact_kept(policy_chosen_logps: %x) parameters [] wrt [] metrics [a, b] {
  %zero = obj.constant 0.0
  // CHECK: obj.add
  %a = obj.add %x, %zero : !obj.real<pair>, !obj.real<batch>
  // CHECK: obj.mul
  %b = obj.mul %x, %zero : !obj.real<pair>, !obj.real<batch>
  // CHECK: obj.sub
  %c = obj.sub %x, %x : !obj.real<pair>, !obj.real<pair>
  obj.yield loss %c : !obj.real<pair> metrics %a, %b : !obj.real<pair>, !obj.real<pair>
}

// CHECK-LABEL: @chain
// CHECK-SAME: policy_chosen_logps: %[[X:.*]])
obj.objective @chain(policy_chosen_logps: %x) parameters [] wrt [] metrics [a, b, c] {
  %one = obj.constant 1.0
  %two = obj.constant 2.0
  // CHECK: %[[TWO:.*]] = obj.constant 2
  // CHECK: %[[INFINITY:.*]] = obj.constant 0x7FF0000000000000
  %infinity = obj.constant 0x7FF0000000000000
  %a = obj.chain %one, %x : !obj.real<batch>, !obj.real<pair>
  // CHECK: %[[PRODUCT:.*]] = obj.mul %[[X]], %[[TWO]]
  %b = obj.chain %x, %two : !obj.real<pair>, !obj.real<batch>
  // CHECK: %[[KEPT:.*]] = obj.chain %[[X]], %[[INFINITY]]
  %c = obj.chain %x, %infinity : !obj.real<pair>, !obj.real<batch>
  // CHECK: obj.yield loss %[[X]] : <pair> metrics %[[X]], %[[PRODUCT]], %[[KEPT]]
  obj.yield loss %x : !obj.real<pair> metrics %a, %b, %c : !obj.real<pair>, !obj.real<pair>, !obj.real<pair>
}

// 1 / n is never 0; 2 / n is not looked at, and what depends on a pair may be 0.
// CHECK-LABEL: @chain_of_the_mean
// CHECK-SAME: policy_chosen_logps: %[[X:.*]])
obj.objective @chain_of_the_mean(policy_chosen_logps: %x) parameters [] wrt [] metrics [a, b] {
  %one = obj.constant 1.0
  %two = obj.constant 2.0
  %n = obj.batch_size
  // CHECK: %[[SEED:.*]] = obj.div
  %seed = obj.div %one, %n : !obj.real<batch>, !obj.real<batch>
  // CHECK: %[[OTHER:.*]] = obj.div
  %other = obj.div %two, %n : !obj.real<batch>, !obj.real<batch>
  // CHECK: %[[PRODUCT:.*]] = obj.mul %[[SEED]], %[[X]]
  %a = obj.chain %seed, %x : !obj.real<batch>, !obj.real<pair>
  // CHECK: obj.chain %[[OTHER]], %[[X]]
  %b = obj.chain %other, %x : !obj.real<batch>, !obj.real<pair>
  // CHECK: obj.chain %[[PRODUCT]], %[[X]]
  %c = obj.chain %a, %x : !obj.real<pair>, !obj.real<pair>
  obj.yield loss %c : !obj.real<pair> metrics %a, %b : !obj.real<pair>, !obj.real<pair>
}

// A pair arm that equals a batch arm would change the type.
// CHECK-LABEL: @where_of_wider_type_kept
obj.objective @where_of_wider_type_kept(policy_chosen_logps: %x) parameters [] wrt [] metrics [] {
  %one = obj.constant 1.0
  %test = obj.lt %x, %one : !obj.real<pair>, !obj.real<batch>
  // CHECK: obj.where
  %a = obj.where %test, %one, %one : !obj.bool<pair>, !obj.real<batch>, !obj.real<batch>
  obj.yield loss %a : !obj.real<pair>
}

// Next to SPEC R1, R2, R3, R4 and R5: a cube has two roundings, 0 - x is 0 at 0 and -x is not, halves may be subnormal.
// CHECK-LABEL: @near_misses_kept
obj.objective @near_misses_kept(policy_chosen_logps: %x, reference_chosen_logps: %y) parameters [] wrt [] metrics [a, b, c] {
  %zero = obj.constant 0.0
  %two = obj.constant 2.0
  %three = obj.constant 3.0
  // CHECK: obj.pow
  %a = obj.pow %x, %three : !obj.real<pair>, !obj.real<batch>
  // CHECK: obj.sub
  %b = obj.sub %zero, %x : !obj.real<batch>, !obj.real<pair>
  // CHECK: obj.div
  %c = obj.div %x, %two : !obj.real<pair>, !obj.real<batch>
  // CHECK: obj.where
  %test = obj.lt %x, %y : !obj.real<pair>, !obj.real<pair>
  %d = obj.where %test, %x, %y : !obj.bool<pair>, !obj.real<pair>, !obj.real<pair>
  obj.yield loss %d : !obj.real<pair> metrics %a, %b, %c : !obj.real<pair>, !obj.real<pair>, !obj.real<pair>
}
