// What the verifier refuses, named for the rule.
// REQUIRES: compiler
// RUN: %disco-opt %s -split-input-file -verify-diagnostics

obj.objective @batch_sum_of_batch() parameters [beta] wrt [] metrics [] {
  // expected-note @below {{prior use here}}
  %beta = obj.param 0 "beta"
  // expected-error @below {{use of value '%beta' expects different type}}
  %sum = obj.batch_sum %beta
  obj.yield loss %sum : !obj.real<batch>
}

// -----

obj.objective @bool_is_no_real(chosen_length: %x) parameters [] wrt [] metrics [] {
  %test = obj.lt %x, %x : !obj.real<pair>, !obj.real<pair>
  // expected-error @below {{operand #0 must be a real per batch, pair or token, but got '!obj.bool<pair>'}}
  %exp = "obj.exp"(%test) : (!obj.bool<pair>) -> !obj.real<pair>
  obj.yield loss %exp : !obj.real<pair>
}

// -----

obj.objective @extent_follows_operands(chosen_length: %x) parameters [] wrt [] metrics [] {
  // expected-error @below {{inferred type(s) '!obj.real<pair>' are incompatible with return type(s) of operation '!obj.real<batch>'}}
  // expected-error @below {{failed to infer returned types}}
  %exp = "obj.exp"(%x) : (!obj.real<pair>) -> !obj.real<batch>
  obj.yield loss %exp : !obj.real<batch>
}

// -----

obj.objective @parameter_index() parameters [] wrt [] metrics [] {
  // expected-error @below {{has index 0 of 0}}
  %beta = obj.param 0 "beta"
  obj.yield loss %beta : !obj.real<batch>
}

// -----

// expected-error @below {{names an input or metric twice}}
obj.objective @duplicate_input(chosen_length: %x, chosen_length: %y) parameters [] wrt [] metrics [] {
  obj.yield loss %x : !obj.real<pair>
}

// -----

// expected-error @below {{names 1 metrics}}
obj.objective @metric_count(chosen_length: %x) parameters [] wrt [] metrics [length] {
  // expected-note @below {{0 are yielded here}}
  obj.yield loss %x : !obj.real<pair>
}

// -----

obj.objective @reward_count(chosen_length: %x) parameters [] wrt [] metrics [] {
  // expected-error @below {{has 1 rewards, expected 2 or none}}
  obj.yield loss %x : !obj.real<pair> rewards %x : !obj.real<pair>
}

// -----

// expected-note @below {{2 inputs after `wrt` here}}
obj.objective @gradient_count(chosen_length: %x) parameters [] wrt [policy_chosen_logps, policy_rejected_logps] metrics [] {
  // expected-error @below {{has 1 gradients}}
  obj.yield loss %x : !obj.real<pair> gradients %x : !obj.real<pair>
}
