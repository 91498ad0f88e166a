#include "dsl/facts/Tape.h"

#include <cassert>

namespace disco::dsl::facts {

namespace {

/// The rule of an operation that works element by element, which has its name.
Rule elementRule(Op op) {
  switch (op) {
#define DISCO_OP_Element(NAME)                                                                     \
  case Op::NAME:                                                                                   \
    return Rule::NAME;
#define DISCO_OP_Other(NAME)                                                                       \
  case Op::NAME:                                                                                   \
    break;
#define DISCO_OP_Leaf DISCO_OP_Other
#define DISCO_OP_Pointwise DISCO_OP_Element
#define DISCO_OP_Compare DISCO_OP_Element
#define DISCO_OP_Logic DISCO_OP_Element
#define DISCO_OP_Select DISCO_OP_Element
#define DISCO_OP_Reduce DISCO_OP_Other
#define DISCO_OP_Sort DISCO_OP_Other
#define DISCO_OP_TokenReduce DISCO_OP_Other
#define DISCO_OP(NAME, MNEMONIC, ARITY, SHAPE) DISCO_OP_##SHAPE(NAME)
#include "dsl/Ops.def"
  }
  assert(false && "not element by element");
  return Rule::Leaf;
}

} // namespace

Tape::Tape(const Program &program)
    : values_(program.nodes.size(), kNoSlot), adjoints_(program.nodes.size(), kNoSlot) {
  gradients_.fill(kNoSlot);
  std::vector<bool> read(program.nodes.size());
  read[program.loss] = true;
  for (const State &state : program.states)
    read[state.next] = true;
  for (size_t id = program.nodes.size(); id-- > 0;)
    for (unsigned i = 0; read[id] && i < opArity(program.nodes[id].op); ++i)
      read[program.nodes[id].operands[i]] = true;
  for (NodeId id = 0; id < program.nodes.size(); ++id)
    if (read[id])
      values_[id] = addValue(program, id);
  loss_ = values_[program.loss];
  if (!program[program.loss].hasGradient)
    return;
  const bool perPair = program[program.loss].type.extent == Extent::Pair;
  adjoints_[program.loss] =
      perPair ? add(Rule::Div, {constant(1), input(Input::batch_size)}, Extent::Batch)
              : constant(1);
  for (NodeId id = program.loss + 1; id-- > 0;)
    if (adjoints_[id] != kNoSlot) {
      addPulls(program, id);
      if (program[id].op == Op::Input)
        gradients_[program[id].index] = adjoints_[id];
    }
}

Slot Tape::add(Rule rule, std::initializer_list<Slot> operands, Extent extent) {
  assert(operands.size() == ruleArity(rule));
  Instruction instruction{.rule = rule, .extent = extent};
  std::copy(operands.begin(), operands.end(), instruction.operands.begin());
  const auto [found, isNew] = seen_.try_emplace(instruction, Slot(instructions_.size()));
  if (isNew)
    instructions_.push_back(instruction);
  return found->second;
}

Slot Tape::addLeaf(TapeLeaf leaf, Extent extent) {
  const auto [found, isNew] = seenLeaves_.try_emplace(leaf, Slot(instructions_.size()));
  if (isNew) {
    instructions_.push_back({.extent = extent, .leaf = uint32_t(leaves_.size())});
    leaves_.push_back(leaf);
  }
  return found->second;
}

Slot Tape::addValue(const Program &program, NodeId id) {
  const Node &node = program[id];
  const Extent extent = node.type.extent;
  const auto operand = [&](unsigned i) { return values_[node.operands[i]]; };
  switch (node.op) {
  case Op::Constant:
    return constant(node.constant);
  case Op::Parameter:
  case Op::Input:
  case Op::Column:
  case Op::State:
    return addLeaf({node.op, node.index, 0}, extent);
  case Op::BatchSum:
    return add(Rule::SumPairs, {operand(0), input(Input::batch_size)}, extent);
  case Op::BatchMax:
  case Op::BatchSort:
    return add(Rule::AnyOf, {operand(0), input(Input::batch_size)}, extent);
  case Op::BatchQuantile:
    return add(Rule::Between, {operand(0), input(Input::batch_size)}, extent);
  case Op::TokenSum:
    return add(Rule::SumTokens, {operand(0), tokens(program[node.operands[0]].type.extent)},
               extent);
  default:
    break;
  }
  const Rule rule = elementRule(node.op);
  if (opArity(node.op) == 1) {
    const Slot slot = add(rule, {operand(0)}, extent);
    if (rule == Rule::Sign)
      branches_.push_back(slot);
    return slot;
  }
  if (opArity(node.op) == 3) {
    branches_.push_back(operand(0));
    return add(rule, {operand(0), operand(1), operand(2)}, extent);
  }
  const Slot result = add(rule, {operand(0), operand(1)}, extent);
  // batch_mean: as tight as its terms.
  const Node &numerator = program[node.operands[0]], &denominator = program[node.operands[1]];
  if (node.op == Op::Div && numerator.op == Op::BatchSum && denominator.op == Op::Input &&
      Input(denominator.index) == Input::batch_size)
    return add(Rule::Mean, {result, values_[numerator.operands[0]], operand(0)}, extent);
  return result;
}

/// Adds what node `id` passes to an operand to the operand's adjoint, summed where the operand is
/// narrower than the node.
void Tape::pull(const Program &program, NodeId id, unsigned operand, Slot contribution) {
  const NodeId target = program[id].operands[operand];
  if (!program[target].hasGradient)
    return;
  const Extent from = program[id].type.extent, to = program[target].type.extent;
  const Slot pairs = input(Input::batch_size);
  if (isToken(from) && to == Extent::Pair)
    contribution = add(Rule::SumTokens, {contribution, tokens(from)}, to);
  else if (isToken(from) && to == Extent::Batch)
    contribution = add(Rule::SumAll, {contribution, tokens(from), pairs}, to);
  else if (from == Extent::Pair && to == Extent::Batch)
    contribution = add(Rule::SumPairs, {contribution, pairs}, to);
  Slot &adjoint = adjoints_[target];
  adjoint = adjoint == kNoSlot ? contribution : add(Rule::Add, {adjoint, contribution}, to);
}

void Tape::addPulls(const Program &program, NodeId id) {
  const Node &node = program[id];
  const Extent extent = node.type.extent;
  const Slot g = adjoints_[id], y = values_[id];
  const auto value = [&](unsigned i) { return values_[node.operands[i]]; };
  const auto pass = [&](unsigned operand, Slot slot) { pull(program, id, operand, slot); };
  const auto flows = [&](unsigned i) { return program[node.operands[i]].hasGradient; };
  const auto times = [&](unsigned operand, Slot slope) {
    pass(operand, add(Rule::Times, {g, slope}, extent));
  };
  const auto slope = [&](Rule rule) { return add(rule, {value(0)}, extent); };
  switch (node.op) {
  case Op::Neg:
    return pass(0, add(Rule::Neg, {g}, extent));
  case Op::Exp:
    return times(0, y);
  case Op::Log:
    return pass(0, add(Rule::Over, {g, value(0)}, extent));
  case Op::Log1p:
    return pass(0, add(Rule::Over, {g, add(Rule::Add, {constant(1), value(0)}, extent)}, extent));
  case Op::Expm1:
    return times(0, slope(Rule::Exp));
  case Op::Sqrt:
    return pass(0, add(Rule::OverRoot, {g, y}, extent));
  case Op::Abs:
    return times(0, slope(Rule::Sign));
  case Op::Tanh:
    return times(0, slope(Rule::TanhSlope));
  case Op::Sigmoid:
    return times(0, slope(Rule::SigmoidSlope));
  case Op::Softplus:
    return times(0, slope(Rule::Sigmoid));
  case Op::Add:
    pass(0, g);
    return pass(1, g);
  case Op::Sub:
    pass(0, g);
    return flows(1) ? pass(1, add(Rule::Neg, {g}, extent)) : void();
  case Op::Mul:
    if (flows(0))
      times(0, value(1));
    return flows(1) ? times(1, value(0)) : void();
  case Op::Div:
    if (flows(0))
      pass(0, add(Rule::Over, {g, value(1)}, extent));
    return flows(1) ? pass(1, add(Rule::OverDivisor, {g, y, value(1)}, extent)) : void();
  case Op::Pow:
    return times(0, add(Rule::PowSlope, {value(0), value(1)}, extent));
  case Op::Min:
  case Op::Max: {
    const Rule part = node.op == Op::Min ? Rule::MinPart : Rule::MaxPart;
    if (flows(0))
      pass(0, add(part, {g, value(0), value(1)}, extent));
    return flows(1) ? pass(1, add(part, {g, value(1), value(0)}, extent)) : void();
  }
  case Op::Select:
    if (flows(1))
      pass(1, add(Rule::ThenPart, {g, value(0)}, extent));
    return flows(2) ? pass(2, add(Rule::ElsePart, {g, value(0)}, extent)) : void();
  case Op::BatchSum:
  case Op::TokenSum:
    return pass(0, g); // the same for every pair or token
  case Op::BatchMax:
  case Op::BatchQuantile:
    return pass(0, add(Rule::Share, {g, input(Input::batch_size)}, Extent::Pair));
  case Op::BatchSort: // the adjoint of some rank
    return pass(0, add(Rule::AnyOf, {g, input(Input::batch_size)}, Extent::Pair));
  case Op::Sign:
  case Op::Detach:
  case Op::Constant:
  case Op::Parameter:
  case Op::Input:
  case Op::Column:
  case Op::State:
  case Op::Lt:
  case Op::Le:
  case Op::Eq:
  case Op::Ne:
  case Op::And:
  case Op::Or:
  case Op::Not:
    return;
  }
}

Slot Tape::addMarginSlope() {
  Slot slope = constant(0);
  const auto move = [&](Input moved, double share) {
    Slot gradient = gradientOf(moved);
    if (gradient == kNoSlot)
      return;
    const Extent extent = inputExtent(moved);
    if (isToken(extent)) { // each token moves by its part of half the margin
      const Slot count = tokens(extent);
      gradient = add(Rule::Div, {gradient, count}, extent);
      gradient = add(Rule::SumTokens, {gradient, count}, Extent::Pair);
    }
    slope = add(Rule::Add, {slope, add(Rule::Mul, {constant(share), gradient}, Extent::Pair)},
                Extent::Pair);
  };
  move(Input::policy_chosen_logps, 0.5);
  move(Input::policy_rejected_logps, -0.5);
  move(Input::policy_chosen_token_logps, 0.5);
  move(Input::policy_rejected_token_logps, -0.5);
  return slope;
}

} // namespace disco::dsl::facts
