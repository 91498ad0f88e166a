// Facts about operations, inputs and programs that follow from their tables. Making and checking
// programs is elsewhere.
#include "dsl/Program.h"

#include "dsl/support/Number.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace disco::dsl {

namespace {

struct OpRow {
  std::string_view mnemonic;
  unsigned arity;
  OpShape shape;
};

constexpr OpRow kOps[] = {
#define DISCO_OP(NAME, MNEMONIC, ARITY, SHAPE) {MNEMONIC, ARITY, OpShape::SHAPE},
#include "dsl/Ops.def"
};

struct InputRow {
  std::string_view name;
  Extent extent;
  bool hasGradient;
};

constexpr InputRow kInputs[] = {
#define DISCO_INPUT(NAME, EXTENT, GRADIENT, UNIT, MEANING) {#NAME, Extent::EXTENT, GRADIENT},
#include "dsl/Inputs.def"
};

} // namespace

std::string_view opMnemonic(Op op) { return kOps[size_t(op)].mnemonic; }
unsigned opArity(Op op) { return kOps[size_t(op)].arity; }
OpShape opShape(Op op) { return kOps[size_t(op)].shape; }

std::string_view inputName(Input input) { return kInputs[size_t(input)].name; }
Extent inputExtent(Input input) { return kInputs[size_t(input)].extent; }
bool inputHasGradient(Input input) { return kInputs[size_t(input)].hasGradient; }

bool inputNeedsReference(Input input) {
  switch (input) {
  case Input::reference_chosen_logps:
  case Input::reference_rejected_logps:
  case Input::reference_chosen_token_logps:
  case Input::reference_rejected_token_logps:
  case Input::chosen_token_kl:
  case Input::rejected_token_kl:
    return true;
  default:
    return false;
  }
}

Input tokenCountInput(Extent side) {
  assert(isToken(side));
  return side == Extent::ChosenToken ? Input::chosen_length : Input::rejected_length;
}

std::optional<Input> inputByName(std::string_view name) {
  for (size_t i = 0; i < kInputCount; ++i)
    if (kInputs[i].name == name)
      return Input(i);
  return std::nullopt;
}

bool Parameter::contains(double value) const {
  if (!std::isfinite(value))
    return false;
  return (lowerOpen ? value > lower : value >= lower) &&
         (upperOpen ? value < upper : value <= upper);
}

std::string Parameter::rangeText() const {
  return (lowerOpen ? "(" : "[") + formatNumber(lower) + ", " + formatNumber(upper) +
         (upperOpen ? ")" : "]");
}

std::string Constraint::complaint() const {
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (range.lower == -kLargest && range.upper == kLargest)
    return "which float32 does not hold as a number";
  return "outside " + range.rangeText();
}

std::optional<uint32_t> Program::parameterIndex(std::string_view wanted) const {
  for (uint32_t i = 0; i < parameters.size(); ++i)
    if (parameters[i].name == wanted)
      return i;
  return std::nullopt;
}

std::vector<double> Program::defaultParameters() const {
  std::vector<double> values;
  values.reserve(parameters.size());
  for (const Parameter &parameter : parameters)
    values.push_back(parameter.defaultValue);
  return values;
}

std::vector<bool> Program::readBy(std::span<const NodeId> results) const {
  std::vector<bool> read(nodes.size());
  for (NodeId result : results)
    if (result != kNoNode)
      read[result] = true;
  for (size_t id = nodes.size(); id-- > 0;) // operands precede users
    for (unsigned i = 0; read[id] && i < opArity(nodes[id].op); ++i)
      read[nodes[id].operands[i]] = true;
  return read;
}

std::vector<Input> Program::inputsOf(std::span<const NodeId> results) const {
  const std::vector<bool> read = readBy(results);
  std::array<bool, kInputCount> wanted{};
  for (size_t id = 0; id < nodes.size(); ++id)
    if (read[id] && nodes[id].op == Op::Input)
      wanted[nodes[id].index] = true;
  std::vector<Input> inputs;
  for (size_t i = 0; i < kInputCount; ++i)
    if (wanted[i])
      inputs.push_back(Input(i));
  return inputs;
}

std::vector<uint32_t> Program::columnsOf(std::span<const NodeId> results) const {
  const std::vector<bool> read = readBy(results);
  std::vector<uint32_t> found;
  for (size_t id = 0; id < nodes.size(); ++id)
    if (read[id] && nodes[id].op == Op::Column)
      found.push_back(nodes[id].index);
  std::sort(found.begin(), found.end());
  return found;
}

bool Program::lossNeedsReference() const {
  std::vector<NodeId> results{loss};
  for (const State &state : states)
    results.push_back(state.next);
  std::vector<Input> inputs = inputsOf(results);
  return std::any_of(inputs.begin(), inputs.end(), inputNeedsReference);
}

} // namespace disco::dsl
