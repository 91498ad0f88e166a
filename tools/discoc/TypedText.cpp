#include "tools/discoc/TypedText.h"

#include "dsl/support/Number.h"

namespace disco::discoc {

namespace {

std::string reference(dsl::NodeId id) { return "%" + std::to_string(id); }

std::string nodeText(const dsl::Program &program, dsl::NodeId id) {
  const dsl::Node &node = program[id];
  std::string text = reference(id) + " = " + std::string(dsl::opMnemonic(node.op));
  switch (node.op) {
  case dsl::Op::Constant:
    text += " " + formatNumber(node.constant);
    break;
  case dsl::Op::Parameter:
    text += " " + program.parameters[node.index].name;
    break;
  case dsl::Op::Input:
    text += " " + std::string(dsl::inputName(dsl::Input(node.index)));
    break;
  case dsl::Op::Column:
    text += " " + program.columns[node.index].name;
    break;
  case dsl::Op::State:
    text += " " + program.states[node.index].name;
    break;
  default:
    for (unsigned i = 0; i < dsl::opArity(node.op); ++i)
      text += (i > 0 ? ", " : " ") + reference(node.operands[i]);
  }
  constexpr const char *kExtents[] = {"batch", "pair", "chosen token", "rejected token"};
  text += std::string(" : ") + kExtents[size_t(node.type.extent)];
  text += node.type.kind == dsl::Kind::Bool ? " bool" : " real";
  return text + (node.hasGradient ? ", gradient" : "");
}

} // namespace

std::string typedText(const dsl::Program &program) {
  std::string text = "objective " + program.name + "\n";
  for (const dsl::Parameter &parameter : program.parameters)
    text += "param " + parameter.name + " = " + formatNumber(parameter.defaultValue) + " in " +
            parameter.rangeText() + (parameter.logScale ? " log" : "") + "\n";
  for (const dsl::Column &column : program.columns)
    text += "column " + column.name +
            (column.defaultValue ? " = " + formatNumber(*column.defaultValue) : "") + "\n";
  for (dsl::NodeId id = 0; id < program.nodes.size(); ++id)
    text += nodeText(program, id) + "\n";
  for (const dsl::State &state : program.states)
    text += "state " + state.name + " = " + reference(state.initial) + ", next " +
            reference(state.next) + "\n";
  text += "loss = " + reference(program.loss) + "\n";
  text += "reward chosen = " + reference(program.chosenReward) + "\n";
  text += "reward rejected = " + reference(program.rejectedReward) + "\n";
  for (const dsl::Metric &metric : program.metrics)
    text += "metric " + metric.name + " = " + reference(metric.value) + "\n";
  return text;
}

} // namespace disco::discoc
