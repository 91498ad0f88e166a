// The shipped objectives as a PyTorch user writes them: the peers of benchmarks and, sharing no
// code with ours, an oracle.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>

namespace disco::eager {

/// One tensor [pairs] each, any floating dtype and device.
struct Pairs {
  at::Tensor policyChosen, policyRejected, referenceChosen, referenceRejected;
  at::Tensor chosenLength, rejectedLength;
};
using Parameters = std::map<std::string, double>;

/// The mean over pairs, differentiable in the policy's log-probabilities.
using Objective = std::function<at::Tensor(const Pairs &, const Parameters &)>;

/// By the name of the shipped file.
const std::map<std::string, Objective> &objectives();

} // namespace disco::eager
