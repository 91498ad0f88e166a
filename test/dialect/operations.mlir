// Each operation of dsl/Ops.def that roundtrip.mlir does not name prints what it parses.
// REQUIRES: compiler
// RUN: %disco-opt %s | %disco-opt | FileCheck %s

// CHECK-LABEL: obj.objective @remaining
obj.objective @remaining(policy_chosen_logps: %x, policy_rejected_logps: %y) parameters [] wrt [policy_chosen_logps, policy_rejected_logps] metrics [] {
  // CHECK: obj.neg %{{.*}} : <pair>
  %neg = obj.neg %x : !obj.real<pair>
  // CHECK: obj.log1p %{{.*}} : <pair>
  %log1p = obj.log1p %neg : !obj.real<pair>
  // CHECK: obj.expm1 %{{.*}} : <pair>
  %expm1 = obj.expm1 %log1p : !obj.real<pair>
  // CHECK: obj.sqrt %{{.*}} : <pair>
  %sqrt = obj.sqrt %expm1 : !obj.real<pair>
  // CHECK: obj.abs %{{.*}} : <pair>
  %abs = obj.abs %sqrt : !obj.real<pair>
  // CHECK: obj.sign %{{.*}} : <pair>
  %sign = obj.sign %abs : !obj.real<pair>
  // CHECK: obj.tanh %{{.*}} : <pair>
  %tanh = obj.tanh %sign : !obj.real<pair>
  // CHECK: obj.sigmoid %{{.*}} : <pair>
  %sigmoid = obj.sigmoid %tanh : !obj.real<pair>
  // CHECK: obj.softplus %{{.*}} : <pair>
  %softplus = obj.softplus %sigmoid : !obj.real<pair>
  // CHECK: obj.detach %{{.*}} : <pair>
  %detach = obj.detach %softplus : !obj.real<pair>
  // CHECK: obj.add %{{.*}}, %{{.*}} : <pair>, <pair>
  %add = obj.add %detach, %y : !obj.real<pair>, !obj.real<pair>
  // CHECK: obj.sub %{{.*}}, %{{.*}} : <pair>, <pair>
  %sub = obj.sub %add, %x : !obj.real<pair>, !obj.real<pair>
  // CHECK: obj.div %{{.*}}, %{{.*}} : <pair>, <pair>
  %div = obj.div %sub, %y : !obj.real<pair>, !obj.real<pair>
  // CHECK: obj.min %{{.*}}, %{{.*}} : <pair>, <pair>
  %min = obj.min %div, %x : !obj.real<pair>, !obj.real<pair>
  // CHECK: obj.max %{{.*}}, %{{.*}} : <pair>, <pair>
  %max = obj.max %min, %y : !obj.real<pair>, !obj.real<pair>
  // CHECK: obj.le %{{.*}}, %{{.*}} : <pair>, <pair>
  %le = obj.le %x, %y : !obj.real<pair>, !obj.real<pair>
  // CHECK: obj.eq %{{.*}}, %{{.*}} : <pair>, <pair>
  %eq = obj.eq %x, %y : !obj.real<pair>, !obj.real<pair>
  // CHECK: obj.ne %{{.*}}, %{{.*}} : <pair>, <pair>
  %ne = obj.ne %x, %y : !obj.real<pair>, !obj.real<pair>
  // CHECK: obj.or %{{.*}}, %{{.*}} : <pair>, <pair>
  %or = obj.or %le, %eq : !obj.bool<pair>, !obj.bool<pair>
  %and = obj.and %or, %ne : !obj.bool<pair>, !obj.bool<pair>
  %where = obj.where %and, %max, %x : !obj.bool<pair>, !obj.real<pair>, !obj.real<pair>
  obj.yield loss %where : !obj.real<pair> rewards %x, %y : !obj.real<pair>, !obj.real<pair>
}

// CHECK-LABEL: obj.objective @batch_and_tokens
// CHECK-SAME: %{{.*}} : !obj.real<chosen_token>) parameters [] states [mean] wrt
obj.objective @batch_and_tokens(policy_chosen_logps: %x, policy_chosen_token_logps: %t : !obj.real<chosen_token>) parameters [] states [mean] wrt [policy_chosen_logps] metrics [] {
  // CHECK: obj.state 0 "mean"
  %state = obj.state 0 "mean"
  // CHECK: obj.progress
  %progress = obj.progress
  // CHECK: obj.batch_max
  %max = obj.batch_max %x
  // CHECK: obj.batch_sort
  %sort = obj.batch_sort %x
  // CHECK: obj.batch_unsort %{{.*}}, %{{.*}} : <pair>
  %back = obj.batch_unsort %x, %sort : !obj.real<pair>
  // CHECK: obj.quantile_weight
  %weight = obj.quantile_weight %progress
  // CHECK: obj.token_index : !obj.real<chosen_token>
  %index = obj.token_index : !obj.real<chosen_token>
  // CHECK: obj.token_sum %{{.*}} : !obj.real<chosen_token>
  %sum = obj.token_sum %t : !obj.real<chosen_token>
  // CHECK: obj.token_count true
  %count = obj.token_count true
  obj.yield loss %sum : !obj.real<pair> rewards %x, %x : !obj.real<pair>, !obj.real<pair>
}
