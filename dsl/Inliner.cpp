#include "dsl/Inliner.h"

#include "dsl/Limits.h"
#include "dsl/support/Number.h"

#include <algorithm>

namespace disco::dsl {

namespace {

std::string defaultText(const Column &column) {
  return column.defaultValue ? "the default " + formatNumber(*column.defaultValue) : "no default";
}

} // namespace

uint32_t addColumn(const Column &column, Expander &expander, Program &program) {
  std::vector<Column> &columns = program.columns;
  const auto known = std::find_if(columns.begin(), columns.end(),
                                  [&](const Column &other) { return other.name == column.name; });
  if (known != columns.end()) {
    if (known->defaultValue != column.defaultValue)
      expander
          .report(DiagnosticKind::ConflictingColumn, column.span,
                  "column " + quoted(column.name) + " has " + defaultText(column) + " here")
          .notes.push_back({known->span, "and " + defaultText(*known) + " here"});
    return uint32_t(known - columns.begin());
  }
  if (columns.size() == Limits::columns)
    expander.report(DiagnosticKind::TooManyColumns, column.span,
                    "more than " + std::to_string(Limits::columns) + " columns");
  columns.push_back(column);
  return uint32_t(columns.size() - 1);
}

uint32_t addState(const State &state, Expander &expander, Program &program) {
  if (program.states.size() == Limits::states)
    expander.report(DiagnosticKind::TooManyStates, state.span,
                    "more than " + std::to_string(Limits::states) + " states");
  program.states.push_back(state);
  return uint32_t(program.states.size() - 1);
}

Value inlineObjective(const Program &used, std::span<const Value> parameters, const Item &use,
                      Expander &expander, Program &program) {
  const Span span = use.objective.span;
  Program inner = used;
  inner.chosenReward = inner.rejectedReward = inner.loss;
  removeUnused(inner);
  const std::string prefix = use.name.text + ".";
  std::vector<uint32_t> columns, states;
  for (const Column &column : inner.columns)
    columns.push_back(addColumn({column.name, column.defaultValue, span}, expander, program));
  for (const State &state : inner.states)
    states.push_back(addState({prefix + state.name, kNoNode, kNoNode, span}, expander, program));

  std::vector<NodeId> copies;
  for (const Node &node : inner.nodes) {
    Value copy;
    switch (node.op) {
    case Op::Constant:
      copy.node = expander.graph.constant(node.constant, span);
      break;
    case Op::Parameter:
      copy = parameters[node.index];
      break;
    case Op::Input:
      copy.node = expander.graph.input(Input(node.index), span);
      break;
    case Op::Column:
      copy.node = expander.graph.column(columns[node.index], span);
      break;
    case Op::State:
      copy.node = expander.graph.state(states[node.index], span);
      break;
    default:
      std::vector<Value> operands;
      for (unsigned i = 0; i < opArity(node.op); ++i)
        operands.push_back({copies[node.operands[i]]});
      copy = expander.apply(node.op, operands, span);
    }
    if (!copy.valid())
      return {};
    copies.push_back(copy.node);
  }
  renumberResults(inner, copies);
  for (size_t i = 0; i < states.size(); ++i) {
    program.states[states[i]].initial = inner.states[i].initial;
    program.states[states[i]].next = inner.states[i].next;
  }
  for (const Metric &metric : inner.metrics)
    program.metrics.push_back({prefix + metric.name, metric.value});
  for (Constraint &constraint : inner.constraints) {
    constraint.range.span = span;
    expander.constraints.push_back(std::move(constraint));
  }
  return {inner.loss};
}

} // namespace disco::dsl
