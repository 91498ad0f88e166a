// Every operation prints what it parses.
// REQUIRES: compiler
// RUN: %disco-opt %s | %disco-opt | FileCheck %s

// CHECK-LABEL: obj.objective @pointwise(policy_chosen_logps: %{{.*}}) parameters [beta] wrt [policy_chosen_logps, policy_rejected_logps] metrics [slope]
obj.objective @pointwise(policy_chosen_logps: %x) parameters [beta] wrt [policy_chosen_logps, policy_rejected_logps] metrics [slope] {
  // CHECK: obj.constant 5.000000e-01
  %half = obj.constant 0.5
  // CHECK: obj.param 0 "beta"
  %beta = obj.param 0 "beta"
  // CHECK: obj.batch_size
  %n = obj.batch_size
  // CHECK: obj.exp %{{.*}} : <pair>
  %exp = obj.exp %x : !obj.real<pair>
  %log = obj.log %exp : !obj.real<pair>
  // A batch operand with a pair operand gives a pair value.
  // CHECK: obj.mul %{{.*}}, %{{.*}} : <pair>, <batch>
  %mul = obj.mul %log, %beta : !obj.real<pair>, !obj.real<batch>
  // CHECK: obj.pow %{{.*}}, %{{.*}} : <batch>, <batch>
  %pow = obj.pow %beta, %half : !obj.real<batch>, !obj.real<batch>
  // CHECK: obj.lt %{{.*}}, %{{.*}} : <pair>, <batch>
  %lt = obj.lt %mul, %pow : !obj.real<pair>, !obj.real<batch>
  %not = obj.not %lt : !obj.bool<pair>
  // CHECK: obj.and %{{.*}}, %{{.*}} : <pair>, <pair>
  %and = obj.and %lt, %not : !obj.bool<pair>, !obj.bool<pair>
  // CHECK: obj.where %{{.*}}, %{{.*}}, %{{.*}} : <pair>, <pair>, <batch>
  %where = obj.where %and, %mul, %n : !obj.bool<pair>, !obj.real<pair>, !obj.real<batch>
  // CHECK: %[[SUM:.*]] = obj.batch_sum %{{.*}}
  %sum = obj.batch_sum %where
  // CHECK: obj.chain %{{.*}}, %[[SUM]] : <pair>, <batch>
  %chain = obj.chain %where, %sum : !obj.real<pair>, !obj.real<batch>
  // CHECK: obj.yield loss %{{.*}} : <pair> rewards %{{.*}}, %{{.*}} : !obj.real<pair>, !obj.real<batch> metrics %{{.*}} : !obj.real<batch> gradients %{{.*}}, %{{.*}} : !obj.real<pair>, !obj.real<batch>
  obj.yield loss %chain : !obj.real<pair> rewards %mul, %beta : !obj.real<pair>, !obj.real<batch> metrics %sum : !obj.real<batch> gradients %chain, %half : !obj.real<pair>, !obj.real<batch>
}
