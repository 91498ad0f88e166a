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

// -----

// What takes more than 32 operations is not computed again.
// CHECK: disco.gradient = "keep 0; walk add; walk loss gradient; means"
// CHECK: llvm.func @gradient_0(
// CHECK-COUNT-33: arith.mulf
// CHECK: llvm.intr.masked.store
// CHECK: llvm.func @gradient_1(
// CHECK-COUNT-1: arith.mulf
// CHECK-NOT: arith.mulf
// CHECK: llvm.func @gradient_2(
obj.objective @long(policy_chosen_logps: %x) parameters [] wrt [policy_chosen_logps] metrics [] {
  %0 = obj.mul %x, %x : !obj.real<pair>, !obj.real<pair>
  %1 = obj.mul %0, %x : !obj.real<pair>, !obj.real<pair>
  %2 = obj.mul %1, %x : !obj.real<pair>, !obj.real<pair>
  %3 = obj.mul %2, %x : !obj.real<pair>, !obj.real<pair>
  %4 = obj.mul %3, %x : !obj.real<pair>, !obj.real<pair>
  %5 = obj.mul %4, %x : !obj.real<pair>, !obj.real<pair>
  %6 = obj.mul %5, %x : !obj.real<pair>, !obj.real<pair>
  %7 = obj.mul %6, %x : !obj.real<pair>, !obj.real<pair>
  %8 = obj.mul %7, %x : !obj.real<pair>, !obj.real<pair>
  %9 = obj.mul %8, %x : !obj.real<pair>, !obj.real<pair>
  %10 = obj.mul %9, %x : !obj.real<pair>, !obj.real<pair>
  %11 = obj.mul %10, %x : !obj.real<pair>, !obj.real<pair>
  %12 = obj.mul %11, %x : !obj.real<pair>, !obj.real<pair>
  %13 = obj.mul %12, %x : !obj.real<pair>, !obj.real<pair>
  %14 = obj.mul %13, %x : !obj.real<pair>, !obj.real<pair>
  %15 = obj.mul %14, %x : !obj.real<pair>, !obj.real<pair>
  %16 = obj.mul %15, %x : !obj.real<pair>, !obj.real<pair>
  %17 = obj.mul %16, %x : !obj.real<pair>, !obj.real<pair>
  %18 = obj.mul %17, %x : !obj.real<pair>, !obj.real<pair>
  %19 = obj.mul %18, %x : !obj.real<pair>, !obj.real<pair>
  %20 = obj.mul %19, %x : !obj.real<pair>, !obj.real<pair>
  %21 = obj.mul %20, %x : !obj.real<pair>, !obj.real<pair>
  %22 = obj.mul %21, %x : !obj.real<pair>, !obj.real<pair>
  %23 = obj.mul %22, %x : !obj.real<pair>, !obj.real<pair>
  %24 = obj.mul %23, %x : !obj.real<pair>, !obj.real<pair>
  %25 = obj.mul %24, %x : !obj.real<pair>, !obj.real<pair>
  %26 = obj.mul %25, %x : !obj.real<pair>, !obj.real<pair>
  %27 = obj.mul %26, %x : !obj.real<pair>, !obj.real<pair>
  %28 = obj.mul %27, %x : !obj.real<pair>, !obj.real<pair>
  %29 = obj.mul %28, %x : !obj.real<pair>, !obj.real<pair>
  %30 = obj.mul %29, %x : !obj.real<pair>, !obj.real<pair>
  %31 = obj.mul %30, %x : !obj.real<pair>, !obj.real<pair>
  %32 = obj.mul %31, %x : !obj.real<pair>, !obj.real<pair>
  %sum = obj.batch_sum %32
  %l = obj.mul %32, %sum : !obj.real<pair>, !obj.real<batch>
  obj.yield loss %l : !obj.real<pair> rewards %x, %x : !obj.real<pair>, !obj.real<pair> gradients %l : !obj.real<pair>
}
