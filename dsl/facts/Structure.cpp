#include "dsl/facts/Structure.h"

#include <algorithm>

namespace disco::dsl::facts {

namespace {

/// Which nodes the given ones read, themselves included.
std::vector<bool> cone(const Program &program, std::span<const NodeId> roots) {
  std::vector<bool> read(program.nodes.size());
  for (NodeId root : roots)
    read[root] = true;
  for (size_t id = program.nodes.size(); id-- > 0;)
    for (unsigned i = 0; read[id] && i < opArity(program.nodes[id].op); ++i)
      read[program.nodes[id].operands[i]] = true;
  return read;
}

/// Of numbers and parameters alone.
bool isNumber(const Program &program, NodeId id) {
  const std::vector<bool> read = cone(program, {&id, 1});
  for (NodeId node = 0; node <= id; ++node)
    if (read[node] && opArity(program[node].op) == 0 && program[node].op != Op::Constant &&
        program[node].op != Op::Parameter)
      return false;
  return true;
}

bool isBatchMean(const Program &program, const Node &node) {
  if (node.op != Op::Div || program[node.operands[0]].op != Op::BatchSum)
    return false;
  const Node &denominator = program[node.operands[1]];
  return denominator.op == Op::Input && Input(denominator.index) == Input::batch_size;
}

enum Side : unsigned { kNeither = 0, kChosen = 1, kRejected = 2 };
unsigned sideOf(Input input) {
  switch (input) {
  case Input::policy_chosen_logps:
  case Input::reference_chosen_logps:
  case Input::chosen_length:
  case Input::policy_chosen_token_logps:
  case Input::reference_chosen_token_logps:
  case Input::chosen_token_index:
  case Input::chosen_token_kl:
    return kChosen;
  case Input::policy_rejected_logps:
  case Input::reference_rejected_logps:
  case Input::rejected_length:
  case Input::policy_rejected_token_logps:
  case Input::reference_rejected_token_logps:
  case Input::rejected_token_index:
  case Input::rejected_token_kl:
    return kRejected;
  case Input::batch_size:
  case Input::progress:
    return kNeither;
  }
  return kNeither;
}

} // namespace

std::vector<NodeId> termsOf(const Program &program) {
  std::vector<NodeId> open{program.loss}, terms;
  while (!open.empty()) {
    const NodeId id = open.back();
    open.pop_back();
    const Node &node = program[id];
    const auto &operands = node.operands;
    if (node.op == Op::Add || node.op == Op::Sub) {
      open.push_back(operands[0]);
      open.push_back(operands[1]);
    } else if (node.op == Op::Neg) {
      open.push_back(operands[0]);
    } else if (node.op == Op::Mul && isNumber(program, operands[0])) {
      open.push_back(operands[1]);
    } else if ((node.op == Op::Mul || node.op == Op::Div) && isNumber(program, operands[1])) {
      open.push_back(operands[0]);
    } else if (isBatchMean(program, node)) {
      open.push_back(program[operands[0]].operands[0]);
    } else {
      terms.push_back(id);
    }
  }
  return terms;
}

Coupling couplingOf(const Program &program) {
  Coupling coupling;
  const std::vector<bool> read = cone(program, termsOf(program));
  for (NodeId id = 0; id < program.nodes.size(); ++id) {
    if (!read[id])
      continue;
    const Node &node = program[id];
    coupling.batch |= node.op == Op::BatchSum || node.op == Op::BatchMax;
    coupling.sort |= node.op == Op::BatchSort || node.op == Op::BatchQuantile;
    coupling.stateful |= node.op == Op::State;
    coupling.token |= isToken(node.type.extent);
    coupling.scheduled |= node.op == Op::Input && Input(node.index) == Input::progress;
  }
  return coupling;
}

bool isSeparable(const Program &program) {
  for (NodeId term : termsOf(program)) {
    const std::vector<bool> read = cone(program, {&term, 1});
    unsigned sides = kNeither;
    for (NodeId id = 0; id <= term; ++id)
      if (read[id] && program[id].op == Op::Input)
        sides |= sideOf(Input(program[id].index));
    if (sides == (kChosen | kRejected))
      return false;
  }
  return true;
}

} // namespace disco::dsl::facts
