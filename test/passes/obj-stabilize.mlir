// Each rewrite, and near misses that must stay.
// REQUIRES: compiler
// RUN: %disco-opt %s -obj-stabilize | FileCheck %s

// CHECK-LABEL: @log_of_sigmoid
obj.objective @log_of_sigmoid(policy_chosen_logps: %x) parameters [] wrt [] metrics [] {
  // CHECK: %[[NEG:.*]] = obj.neg
  // CHECK: %[[SOFTPLUS:.*]] = obj.softplus %[[NEG]]
  // CHECK: %[[LOG:.*]] = obj.neg %[[SOFTPLUS]]
  // CHECK: loss %[[LOG]]
  %s = obj.sigmoid %x : !obj.real<pair>
  %log = obj.log %s : !obj.real<pair>
  obj.yield loss %log : !obj.real<pair>
}

// CHECK-LABEL: @log_of_shared_sigmoid_still_fires
obj.objective @log_of_shared_sigmoid_still_fires(policy_chosen_logps: %x) parameters [] wrt [] metrics [modulation] {
  // CHECK: %[[SIGMOID:.*]] = obj.sigmoid
  // CHECK-NOT: obj.log
  // CHECK: obj.softplus
  // CHECK: metrics %[[SIGMOID]]
  %s = obj.sigmoid %x : !obj.real<pair>
  %log = obj.log %s : !obj.real<pair>
  obj.yield loss %log : !obj.real<pair> metrics %s : !obj.real<pair>
}

// CHECK-LABEL: @one_minus_sigmoid
obj.objective @one_minus_sigmoid(policy_chosen_logps: %x) parameters [] wrt [] metrics [] {
  // CHECK: %[[NEG:.*]] = obj.neg
  // CHECK: %[[SIGMOID:.*]] = obj.sigmoid %[[NEG]]
  // CHECK: loss %[[SIGMOID]]
  %one = obj.constant 1.0
  %s = obj.sigmoid %x : !obj.real<pair>
  %d = obj.sub %one, %s : !obj.real<batch>, !obj.real<pair>
  obj.yield loss %d : !obj.real<pair>
}

// CHECK-LABEL: @sigmoid_minus_one_kept
obj.objective @sigmoid_minus_one_kept(policy_chosen_logps: %x) parameters [] wrt [] metrics [] {
  // CHECK: obj.sub
  %one = obj.constant 1.0
  %s = obj.sigmoid %x : !obj.real<pair>
  %d = obj.sub %s, %one : !obj.real<pair>, !obj.real<batch>
  obj.yield loss %d : !obj.real<pair>
}

// log(1 + e^x) becomes log1p(e^x), and that softplus(x).
// CHECK-LABEL: @log_of_one_plus_exp
obj.objective @log_of_one_plus_exp(policy_chosen_logps: %x) parameters [] wrt [] metrics [] {
  // CHECK: %[[SOFTPLUS:.*]] = obj.softplus
  // CHECK: loss %[[SOFTPLUS]]
  %one = obj.constant 1.0
  %e = obj.exp %x : !obj.real<pair>
  %sum = obj.add %one, %e : !obj.real<batch>, !obj.real<pair>
  %log = obj.log %sum : !obj.real<pair>
  obj.yield loss %log : !obj.real<pair>
}

// CHECK-LABEL: @log_of_x_plus_one
obj.objective @log_of_x_plus_one(chosen_length: %x) parameters [] wrt [] metrics [] {
  // CHECK: obj.log1p
  %one = obj.constant 1.0
  %sum = obj.add %x, %one : !obj.real<pair>, !obj.real<batch>
  %log = obj.log %sum : !obj.real<pair>
  obj.yield loss %log : !obj.real<pair>
}

// CHECK-LABEL: @log_of_two_plus_exp_kept
obj.objective @log_of_two_plus_exp_kept(policy_chosen_logps: %x) parameters [] wrt [] metrics [] {
  // CHECK: obj.add
  // CHECK: obj.log
  %two = obj.constant 2.0
  %e = obj.exp %x : !obj.real<pair>
  %sum = obj.add %e, %two : !obj.real<pair>, !obj.real<batch>
  %log = obj.log %sum : !obj.real<pair>
  obj.yield loss %log : !obj.real<pair>
}

// CHECK-LABEL: @exp_minus_one
obj.objective @exp_minus_one(policy_chosen_logps: %x) parameters [] wrt [] metrics [] {
  // CHECK: %[[EXPM1:.*]] = obj.expm1
  // CHECK: loss %[[EXPM1]]
  %one = obj.constant 1.0
  %e = obj.exp %x : !obj.real<pair>
  %d = obj.sub %e, %one : !obj.real<pair>, !obj.real<batch>
  obj.yield loss %d : !obj.real<pair>
}

// CHECK-LABEL: @one_over_one_plus_exp
obj.objective @one_over_one_plus_exp(policy_chosen_logps: %x) parameters [] wrt [] metrics [] {
  // CHECK-NOT: obj.div
  // CHECK: obj.sigmoid
  %one = obj.constant 1.0
  %e = obj.exp %x : !obj.real<pair>
  %sum = obj.add %e, %one : !obj.real<pair>, !obj.real<batch>
  %d = obj.div %one, %sum : !obj.real<batch>, !obj.real<pair>
  obj.yield loss %d : !obj.real<pair>
}

// Another number, sign or function than the algebra asks for (SPEC R6, R7, R8, R9 and R10).
// CHECK-LABEL: @near_misses_kept
obj.objective @near_misses_kept(policy_chosen_logps: %x) parameters [] wrt [] metrics [a, b, c, d, e, f, g] {
  %one = obj.constant 1.0
  %two = obj.constant 2.0
  %s = obj.sigmoid %x : !obj.real<pair>
  %e = obj.exp %x : !obj.real<pair>
  // CHECK: obj.tanh
  // CHECK: obj.log
  %tanh = obj.tanh %x : !obj.real<pair>
  %a = obj.log %tanh : !obj.real<pair>
  // CHECK: obj.log1p
  %b = obj.log1p %s : !obj.real<pair>
  // CHECK: obj.sub
  %c = obj.sub %two, %s : !obj.real<batch>, !obj.real<pair>
  // CHECK: obj.sub
  // CHECK: obj.log
  %less = obj.sub %two, %x : !obj.real<batch>, !obj.real<pair>
  %d = obj.log %less : !obj.real<pair>
  // CHECK: obj.sub
  %e2 = obj.sub %two, %e : !obj.real<batch>, !obj.real<pair>
  // CHECK: obj.mul
  // CHECK: obj.log1p
  %twice = obj.mul %e, %two : !obj.real<pair>, !obj.real<batch>
  %f = obj.log1p %twice : !obj.real<pair>
  // CHECK: obj.div
  %more = obj.add %one, %e : !obj.real<batch>, !obj.real<pair>
  %g = obj.div %two, %more : !obj.real<batch>, !obj.real<pair>
  obj.yield loss %x : !obj.real<pair> metrics %a, %b, %c, %d, %e2, %f, %g : !obj.real<pair>, !obj.real<pair>, !obj.real<pair>, !obj.real<pair>, !obj.real<pair>, !obj.real<pair>, !obj.real<pair>
}
