// Which inputs the results reach, and whether pairs are coupled.
#include "trainer/Needs.h"

#include <algorithm>
#include <vector>

namespace disco::trainer {
namespace {

/// How a node depends on the policy at other pairs than its own.
enum class Reach : uint8_t {
  None,   // on no policy value
  Own,    // on the policy at its own pair alone
  Added,  // on others too, but only through terms that are added, scaled by what no policy changes
  Coupled // in any other way
};

/// The reach of a node from those of its operands: the algebra of sums with fixed coefficients.
Reach reachOf(const dsl::Node &node, const std::vector<Reach> &reach) {
  using dsl::Op;
  if (node.op == Op::Input)
    return dsl::inputHasGradient(static_cast<dsl::Input>(node.index)) ? Reach::Own : Reach::None;
  Reach widest = Reach::None;
  for (unsigned i = 0; i < dsl::opArity(node.op); ++i)
    widest = std::max(widest, reach[node.operands[i]]);
  auto operand = [&](unsigned i) { return reach[node.operands[i]]; };
  switch (node.op) {
  case Op::BatchSum:
    return widest == Reach::Own ? Reach::Added : widest;
  case Op::BatchMax:
  case Op::BatchSort:
  case Op::BatchQuantile:
    return widest == Reach::None ? widest : Reach::Coupled;
  case Op::Neg:
  case Op::Add:
  case Op::Sub:
  case Op::Detach:
  case Op::TokenSum:
    return widest;
  case Op::Mul:
    if (operand(0) == Reach::None || operand(1) == Reach::None)
      return widest;
    break;
  case Op::Div:
    if (operand(1) == Reach::None)
      return widest;
    break;
  default:
    break;
  }
  return widest == Reach::Added ? Reach::Coupled : widest;
}

bool isCoupled(const dsl::Program &program) {
  std::vector<Reach> reach;
  for (dsl::NodeId id = 0; id <= program.loss; ++id) // operands precede users
    reach.push_back(reachOf(program[id], reach));
  return reach.back() == Reach::Coupled;
}

} // namespace

bool Needs::referenceLogps() const {
  return reads(dsl::Input::reference_chosen_logps) || reads(dsl::Input::reference_rejected_logps) ||
         reads(dsl::Input::reference_chosen_token_logps) ||
         reads(dsl::Input::reference_rejected_token_logps);
}

bool Needs::divergence() const {
  return reads(dsl::Input::chosen_token_kl) || reads(dsl::Input::rejected_token_kl);
}

Needs needsOf(const dsl::Program &program) {
  std::vector<dsl::NodeId> results{program.loss, program.chosenReward, program.rejectedReward};
  for (const dsl::State &state : program.states)
    results.push_back(state.next);
  for (const dsl::Metric &metric : program.metrics)
    results.push_back(metric.value);
  Needs needs;
  for (dsl::Input input : program.inputsOf(results))
    needs.inputs[static_cast<size_t>(input)] = true;
  needs.coupled = isCoupled(program);
  return needs;
}

} // namespace disco::trainer
