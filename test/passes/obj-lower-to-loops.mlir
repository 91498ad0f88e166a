// As many walks over the pairs as reductions wait for each other.
// REQUIRES: compiler
// RUN: %disco-opt %s -split-input-file -obj-lower-to-loops -cse | FileCheck %s

// CHECK-LABEL: llvm.func @gradient(
// The mean loss needs no second walk: its sum is taken while gradients are written.
// CHECK: scf.for
// CHECK: llvm.intr.masked.load
// CHECK: llvm.intr.masked.store
// CHECK: arith.extf {{.*}} vector<16xf64>
// CHECK-NOT: scf.for
// CHECK: llvm.return
// CHECK-LABEL: llvm.func @report(
obj.objective @one_walk(policy_chosen_logps: %x) parameters [] wrt [policy_chosen_logps] metrics [] {
  obj.yield loss %x : !obj.real<pair> rewards %x, %x : !obj.real<pair>, !obj.real<pair> gradients %x : !obj.real<pair>
}

// -----

module {
  // CHECK-LABEL: llvm.func @gradient(
  // CHECK: scf.for
  // CHECK: "llvm.intr.vector.reduce.fadd"
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
}
