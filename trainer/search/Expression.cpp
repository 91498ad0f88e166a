// See Expression.h.
#include "trainer/search/Expression.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

namespace disco::search {
namespace {

std::string printNumber(double value) {
  char text[32];
  auto end = std::to_chars(text, text + sizeof text, std::abs(value)).ptr;
  std::string number(text, end);
  return std::signbit(value) ? "(-" + number + ")" : number;
}

std::string printRange(const dsl::Parameter &parameter) {
  if (!std::isfinite(parameter.lower) || !std::isfinite(parameter.upper))
    return "";
  return " in " + parameter.rangeText() + (parameter.logScale ? " log" : "");
}

/// Prints one genome: counts uses first, so that what is shared is written once.
class Printer {
public:
  Printer(const ExpressionRef &loss, const std::set<std::string> &taken) : taken_(taken) {
    for (const ExpressionRef &node : nodesOf(loss))
      for (const ExpressionRef &operand : node->operands)
        ++uses_[operand.get()];
  }

  std::string print(const ExpressionRef &node) {
    if (node->sort == Expression::Sort::Number)
      return printNumber(node->number);
    if (node->sort == Expression::Sort::Name)
      return node->name;
    if (auto bound = bindings_.find(node.get()); bound != bindings_.end())
      return bound->second;
    std::string text = apply(*node);
    if (uses_[node.get()] < 2)
      return text;
    std::string name;
    do
      name = "t" + std::to_string(next_++);
    while (taken_.count(name));
    lets_ += "  let " + name + " = " + text + ";\n";
    return bindings_[node.get()] = name;
  }
  const std::string &lets() const { return lets_; }

private:
  std::string apply(const Expression &node) {
    std::vector<std::string> operands;
    for (const ExpressionRef &operand : node.operands)
      operands.push_back(print(operand));
    const Form &form = *node.form;
    if (form.infix.empty()) {
      std::string text = form.name + "(";
      for (size_t i = 0; i < operands.size(); ++i)
        text += (i ? ", " : "") + operands[i];
      return text + ")";
    }
    if (form.arity == 1)
      return "(" + form.infix + operands[0] + ")";
    return "(" + operands[0] + " " + form.infix + " " + operands[1] + ")";
  }

  const std::set<std::string> &taken_;
  std::map<const Expression *, unsigned> uses_;
  std::map<const Expression *, std::string> bindings_;
  std::string lets_;
  unsigned next_ = 0;
};

bool isName(const ExpressionRef &node, std::string_view name) {
  return node->sort == Expression::Sort::Name && node->name == name;
}

/// Checking expands the prelude; readers, and mutation by whole subtrees, are better served by its
/// names.
ExpressionRef foldPrelude(ExpressionRef node) {
  if (node->sort != Expression::Sort::Application || node->operands.size() != 2)
    return node;
  const ExpressionRef &left = node->operands[0], &right = node->operands[1];
  if (node->form == &form("sub")) {
    if (isName(left, "policy_chosen_logps") && isName(right, "reference_chosen_logps"))
      return makeName("chosen_ratio", dsl::Extent::Pair);
    if (isName(left, "policy_rejected_logps") && isName(right, "reference_rejected_logps"))
      return makeName("rejected_ratio", dsl::Extent::Pair);
    if (isName(left, "chosen_ratio") && isName(right, "rejected_ratio"))
      return makeName("margin", dsl::Extent::Pair);
  }
  if (node->form == &form("div") && isName(right, "batch_size") &&
      left->sort == Expression::Sort::Application && left->form == &form("batch_sum"))
    return makeApplication(form("batch_mean"), {left->operands[0]});
  return node;
}

} // namespace

ExpressionRef makeNumber(double value) {
  Expression node;
  node.number = value;
  return std::make_shared<const Expression>(std::move(node));
}

ExpressionRef makeName(std::string name, dsl::Extent extent) {
  Expression node;
  node.sort = Expression::Sort::Name;
  node.name = std::move(name);
  node.type.extent = extent;
  return std::make_shared<const Expression>(std::move(node));
}

ExpressionRef makeApplication(const Form &form, std::vector<ExpressionRef> operands) {
  assert(operands.size() == form.arity && "wrong number of operands");
  Expression node;
  node.sort = Expression::Sort::Application;
  node.form = &form;
  for (const ExpressionRef &operand : operands)
    node.type.extent = dsl::join(node.type.extent, operand->type.extent);
  if (form.shape == Form::Shape::Reduce)
    node.type.extent = dsl::Extent::Batch;
  if (form.shape == Form::Shape::Compare || form.shape == Form::Shape::Logic)
    node.type.kind = dsl::Kind::Bool;
  node.operands = std::move(operands);
  return std::make_shared<const Expression>(std::move(node));
}

std::vector<ExpressionRef> nodesOf(const ExpressionRef &root) {
  std::vector<ExpressionRef> nodes;
  std::set<const Expression *> seen;
  auto visit = [&](auto &&self, const ExpressionRef &node) -> void {
    if (!seen.insert(node.get()).second)
      return;
    for (const ExpressionRef &operand : node->operands)
      self(self, operand);
    nodes.push_back(node);
  };
  visit(visit, root);
  return nodes;
}

ExpressionRef replaceNode(const ExpressionRef &root, const Expression *target,
                          const ExpressionRef &replacement) {
  std::map<const Expression *, ExpressionRef> made{{target, replacement}};
  for (const ExpressionRef &node : nodesOf(root)) {
    if (made.count(node.get()))
      continue;
    std::vector<ExpressionRef> operands;
    bool changed = false;
    for (const ExpressionRef &operand : node->operands) {
      operands.push_back(made.at(operand.get()));
      changed |= operands.back() != operand;
    }
    made[node.get()] = changed ? makeApplication(*node->form, std::move(operands)) : node;
  }
  return made.at(root.get());
}

std::optional<Genome> genomeOf(const dsl::Program &program) {
  std::vector<ExpressionRef> made;
  for (const dsl::Node &node : program.nodes) {
    if (node.op == dsl::Op::Constant) {
      made.push_back(makeNumber(node.constant));
    } else if (node.op == dsl::Op::Parameter) {
      made.push_back(makeName(program.parameters[node.index].name, dsl::Extent::Batch));
    } else if (node.op == dsl::Op::Input) {
      auto input = static_cast<dsl::Input>(node.index);
      if (input == dsl::Input::progress || dsl::isToken(dsl::inputExtent(input)))
        return std::nullopt;
      made.push_back(makeName(std::string(dsl::inputName(input)), dsl::inputExtent(input)));
    } else if (const Form *form = findForm(dsl::opMnemonic(node.op))) {
      std::vector<ExpressionRef> operands;
      for (unsigned i = 0; i < dsl::opArity(node.op); ++i)
        operands.push_back(made[node.operands[i]]);
      made.push_back(foldPrelude(makeApplication(*form, std::move(operands))));
    } else {
      return std::nullopt;
    }
  }
  return Genome{program.parameters, made[program.loss]};
}

std::string printGenome(const Genome &genome, const std::string &name) {
  std::set<std::string> names;
  for (const ExpressionRef &node : nodesOf(genome.loss))
    if (node->sort == Expression::Sort::Name)
      names.insert(node->name);
  Printer printer(genome.loss, names);
  std::string loss = printer.print(genome.loss);
  std::string text = "objective " + name + " {\n";
  for (const dsl::Parameter &parameter : genome.parameters)
    if (names.count(parameter.name))
      text += "  param " + parameter.name + " = " + (parameter.defaultValue < 0 ? "-" : "") +
              printNumber(std::abs(parameter.defaultValue)) + printRange(parameter) + ";\n";
  return text + printer.lets() + "  loss = " + loss + ";\n}\n";
}

} // namespace disco::search
