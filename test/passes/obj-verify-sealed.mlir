// Only obj operations may be inside an objective.
// REQUIRES: compiler
// RUN: %disco-opt %s -obj-verify-sealed -split-input-file -verify-diagnostics

obj.objective @sealed(chosen_length: %x) parameters [] wrt [] metrics [] {
  %e = obj.exp %x : !obj.real<pair>
  obj.yield loss %e : !obj.real<pair>
}

// -----

obj.objective @foreign(chosen_length: %x) parameters [] wrt [] metrics [] {
  // expected-error @below {{`arith.constant` inside an objective}}
  %c = arith.constant 1.0 : f32
  obj.yield loss %x : !obj.real<pair>
}
