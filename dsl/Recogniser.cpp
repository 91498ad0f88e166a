#include "dsl/Recogniser.h"

#include <algorithm>
#include <bit>

namespace disco::dsl {

namespace {

/// For every expression of the library, its operands.
std::vector<std::vector<uint32_t>> findOperands(const Ast &ast) {
  std::vector<std::vector<uint32_t>> operands(ast.exprs.size());
  std::vector<uint32_t> pending;
  for (uint32_t id = 0; id < ast.exprs.size(); ++id) {
    const size_t first = pending.size() - ast.exprs[id].arguments;
    operands[id].assign(pending.begin() + ptrdiff_t(first), pending.end());
    pending.resize(first);
    pending.push_back(id);
  }
  return operands;
}

Op primitiveOf(Operator op) {
  switch (op) {
  case Operator::Negate:
    return Op::Neg;
  case Operator::Not:
    return Op::Not;
  case Operator::Power:
    return Op::Pow;
  case Operator::Multiply:
    return Op::Mul;
  case Operator::Divide:
    return Op::Div;
  case Operator::Add:
    return Op::Add;
  case Operator::Subtract:
    return Op::Sub;
  case Operator::Less:
  case Operator::Greater:
    return Op::Lt;
  case Operator::LessEqual:
  case Operator::GreaterEqual:
    return Op::Le;
  case Operator::Equal:
    return Op::Eq;
  case Operator::NotEqual:
    return Op::Ne;
  case Operator::And:
    return Op::And;
  case Operator::Or:
    return Op::Or;
  }
  return Op::Neg;
}

/// Matches a definition of the library against nodes. Recursion follows the library's text, which
/// is ours and shallow.
class Matcher {
public:
  Matcher(const Program &program, const Item &function)
      : program_(program), function_(function), bound(function.formals.size(), kNoNode) {}

  bool matches(NodeId id) { return match(function_.value.end - 1, id); }

private:
  static const std::vector<uint32_t> &operandsOf(uint32_t expr) {
    static const std::vector<std::vector<uint32_t>> table = findOperands(library().ast);
    return table[expr];
  }

  bool match(uint32_t exprId, NodeId id) {
    const Expr &expr = library().ast.exprs[exprId];
    const Node &node = program_[id];
    const std::vector<uint32_t> &operands = operandsOf(exprId);
    switch (expr.kind) {
    case ExprKind::Number:
      return isNumber(node, expr.number);
    case ExprKind::Name:
      return matchName(expr, id);
    case ExprKind::Unary:
      if (expr.op == Operator::Negate &&
          library().ast.exprs[operands[0]].kind == ExprKind::Number) // folded
        return isNumber(node, -library().ast.exprs[operands[0]].number);
      return node.op == primitiveOf(expr.op) && match(operands[0], node.operands[0]);
    case ExprKind::Binary: {
      const bool swapped = expr.op == Operator::Greater || expr.op == Operator::GreaterEqual;
      return node.op == primitiveOf(expr.op) && match(operands[swapped], node.operands[0]) &&
             match(operands[!swapped], node.operands[1]);
    }
    case ExprKind::Call:
      return matchCall(expr, operands, id);
    }
    return false;
  }

  static bool isNumber(const Node &node, double value) {
    return node.op == Op::Constant &&
           std::bit_cast<uint64_t>(node.constant) == std::bit_cast<uint64_t>(value);
  }

  bool matchName(const Expr &expr, NodeId id) {
    for (size_t i = 0; i < function_.formals.size(); ++i)
      if (function_.formals[i].text == expr.name) {
        if (bound[i] == kNoNode)
          bound[i] = id;
        return bound[i] == id;
      }
    if (auto input = inputByName(expr.name))
      return program_[id].op == Op::Input && Input(program_[id].index) == *input;
    const Item *prelude = library().findPrelude(expr.name);
    return prelude && Matcher(program_, *prelude).matches(id);
  }

  bool matchCall(const Expr &expr, const std::vector<uint32_t> &operands, NodeId id) {
    const Builtin &builtin = *findBuiltin(expr.name);
    std::vector<NodeId> arguments;
    if (builtin.primitive) {
      if (program_[id].op != *builtin.primitive)
        return false;
      arguments.assign(program_[id].operands.begin(),
                       program_[id].operands.begin() + operands.size());
    } else {
      Matcher body(program_, *library().findFunction(expr.name));
      if (!body.matches(id))
        return false;
      arguments = body.bound;
    }
    for (size_t i = 0; i < operands.size(); ++i)
      if (!match(operands[i], arguments[i]))
        return false;
    return true;
  }

  const Program &program_;
  const Item &function_;

public:
  std::vector<NodeId> bound; // what each formal stands for
};

} // namespace

Form recognise(const Program &program, NodeId id) {
  const Node &node = program[id];
  const std::vector<Item> &items = library().ast.items;
  for (size_t i = items.size(); i-- > 0;) { // later definitions are made of earlier ones
    Matcher matcher(program, items[i]);
    if (matcher.matches(id))
      return {items[i].name.text, std::move(matcher.bound)};
  }
  return {{}, {node.operands.begin(), node.operands.begin() + opArity(node.op)}};
}

} // namespace disco::dsl
