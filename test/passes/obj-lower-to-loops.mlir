// As many functions as reductions wait for each other, and one for the means.
// REQUIRES: compiler
// RUN: %disco-opt %s -split-input-file -obj-lower-to-loops -cse | FileCheck %s

// CHECK: module attributes {disco.gradient = "walk loss gradient; means", disco.report = "walk"}
// CHECK-LABEL: llvm.func @gradient_0(
// The mean loss needs no second walk: its sum is taken while gradients are written.
// CHECK: scf.for
// CHECK: llvm.intr.masked.load
// CHECK: llvm.intr.masked.store
// CHECK: arith.extf {{.*}} vector<16xf64>
// CHECK-NOT: scf.for
// CHECK: llvm.return
// CHECK-LABEL: llvm.func @gradient_1(
// CHECK-NOT: scf.for
// CHECK: llvm.return
// CHECK-LABEL: llvm.func @report_0(
obj.objective @one_walk(policy_chosen_logps: %x) parameters [] wrt [policy_chosen_logps] metrics [] {
  obj.yield loss %x : !obj.real<pair> rewards %x, %x : !obj.real<pair>, !obj.real<pair> gradients %x : !obj.real<pair>
}

// -----

// CHECK: disco.gradient = "walk add; walk loss gradient; means"
// CHECK-LABEL: llvm.func @gradient_0(
// CHECK: scf.for
// CHECK: "llvm.intr.vector.reduce.fadd"
// CHECK-LABEL: llvm.func @gradient_1(
// CHECK: scf.for
// The pair value is computed again, not stored in between.
// CHECK: llvm.intr.masked.load
// CHECK: llvm.intr.masked.store
// CHECK-NOT: scf.for
// CHECK: llvm.return
obj.objective @two_walks(policy_chosen_logps: %x) parameters [] wrt [policy_chosen_logps] metrics [] {
  %sum = obj.batch_sum %x
  %l = obj.mul %x, %sum : !obj.real<pair>, !obj.real<batch>
  obj.yield loss %l : !obj.real<pair> rewards %x, %x : !obj.real<pair>, !obj.real<pair> gradients %l : !obj.real<pair>
}

// -----

// What is sorted is stored, and so is what goes back to its pair.
// CHECK: disco.gradient = "walk; sort 1 0; walk loss; unsort 3 2 0; walk gradient; means"
obj.objective @sorted(policy_chosen_logps: %x) parameters [] wrt [policy_chosen_logps] metrics [] {
  %sort = obj.batch_sort %x
  %l = obj.exp %sort : !obj.real<pair>
  %back = obj.batch_unsort %l, %sort : !obj.real<pair>
  obj.yield loss %l : !obj.real<pair> rewards %x, %x : !obj.real<pair>, !obj.real<pair> gradients %back : !obj.real<pair>
}

// -----

// The largest is a reduction of its own kind.
// CHECK: disco.gradient = "walk max; walk gradient; means"
// CHECK: arith.maximumf
// CHECK: vector.reduce.fmaximum
obj.objective @largest(policy_chosen_logps: %x) parameters [] wrt [policy_chosen_logps] metrics [] {
  %max = obj.batch_max %x
  %share = obj.div %x, %max : !obj.real<pair>, !obj.real<batch>
  obj.yield loss %max : !obj.real<batch> rewards %x, %x : !obj.real<pair>, !obj.real<pair> gradients %share : !obj.real<pair>
}

// -----

// Tokens are walked inside the pair: their sum, then their gradients.
// CHECK: disco.gradient = "walk loss gradient; means"
// CHECK: scf.for
// CHECK: scf.for
// CHECK: "llvm.intr.vector.reduce.fadd"
// CHECK: scf.for
// CHECK: llvm.intr.masked.store
obj.objective @tokens(policy_chosen_token_logps: %t : !obj.real<chosen_token>) parameters [] wrt [policy_chosen_token_logps] metrics [] {
  %sum = obj.token_sum %t : !obj.real<chosen_token>
  %g = obj.mul %t, %sum : !obj.real<chosen_token>, !obj.real<pair>
  obj.yield loss %sum : !obj.real<pair> rewards %sum, %sum : !obj.real<pair>, !obj.real<pair> gradients %g : !obj.real<chosen_token>
}
