// One block per kernel: strided loops, a butterfly in each warp, shared memory between warps.
// REQUIRES: compiler
// RUN: %disco-opt %s -obj-lower-to-gpu -cse | FileCheck %s

// One f64 per warp and sum; the gradient takes a sum of x and one for the mean loss.
// CHECK: llvm.mlir.global internal @gradient_partial_sums() {addr_space = 3 : i32, alignment = 8 : i64} : !llvm.array<16 x f64>
// CHECK-LABEL: llvm.func @gradient(%{{.*}}: !llvm.ptr, %{{.*}}: f32, %{{.*}}: i64, %{{.*}}: !llvm.ptr, %{{.*}}: !llvm.ptr) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 256>}
// CHECK: nvvm.read.ptx.sreg.tid.x
// CHECK: arith.constant 256 : i64
// CHECK: scf.for
// CHECK: nvvm.shfl.sync bfly
// CHECK: nvvm.barrier0
// CHECK: scf.for
// CHECK: nvvm.barrier0
// CHECK-NOT: nvvm.barrier0
// CHECK-LABEL: llvm.func @report(
obj.objective @two_phases(policy_chosen_logps: %x) parameters [beta] wrt [policy_chosen_logps] metrics [] {
  %sum = obj.batch_sum %x
  %l = obj.mul %x, %sum : !obj.real<pair>, !obj.real<batch>
  obj.yield loss %l : !obj.real<pair> rewards %x, %x : !obj.real<pair>, !obj.real<pair> gradients %l : !obj.real<pair>
}
