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

/// Matches a definition of the library against nodes. Recursion follows the library's text, which
/// is ours and shallow.
class Matcher {
public:
  Matcher(const Program &program, const Item &function)
      : program_(program), function_(function), bound(function.formals.size(), kNoNode) {}

  bool matches(NodeId id) { return match(function_.value.end - 1, id); }

private:
  static const std::vector<uint32_t> &operandsOf(uint32_t expr) {
    static const std::vector<std::vector<uint32_t>> table = findOperands(builtinDefinitions().ast);
    return table[expr];
  }

  bool match(uint32_t exprId, NodeId id) {
    const Expr &expr = builtinDefinitions().ast.exprs[exprId];
    const Node &node = program_[id];
    const std::vector<uint32_t> &operands = operandsOf(exprId);
    switch (expr.kind) {
    case ExprKind::Number:
      return isNumber(node, expr.number);
    case ExprKind::Name:
      return matchName(expr, id);
    case ExprKind::Unary:
      if (expr.op == Operator::Negate &&
          builtinDefinitions().ast.exprs[operands[0]].kind == ExprKind::Number) // folded
        return isNumber(node, -builtinDefinitions().ast.exprs[operands[0]].number);
      return node.op == operationOf(expr.op) && match(operands[0], node.operands[0]);
    case ExprKind::Binary: {
      const bool swapped = expr.op == Operator::Greater || expr.op == Operator::GreaterEqual;
      return node.op == operationOf(expr.op) && match(operands[swapped], node.operands[0]) &&
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
    const Item *prelude = builtinDefinitions().findPrelude(expr.name);
    return prelude && Matcher(program_, *prelude).matches(id);
  }

  bool matchCall(const Expr &expr, const std::vector<uint32_t> &operands, NodeId id) {
    const Builtin &builtin = *findBuiltin(expr.name);
    if (builtin.name == "token_count")
      return matchTokenCount(operands[0], id);
    std::vector<NodeId> arguments;
    if (builtin.primitive) {
      if (program_[id].op != *builtin.primitive)
        return false;
      arguments.assign(program_[id].operands.begin(),
                       program_[id].operands.begin() + operands.size());
    } else {
      Matcher body(program_, *builtinDefinitions().findFunction(expr.name));
      if (!body.matches(id))
        return false;
      arguments = body.bound;
    }
    for (size_t i = 0; i < operands.size(); ++i)
      if (!match(operands[i], arguments[i]))
        return false;
    return true;
  }

  /// The length of the side that the argument is of, which is matched before.
  bool matchTokenCount(uint32_t argument, NodeId id) {
    const Node &node = program_[id];
    const Expr &formal = builtinDefinitions().ast.exprs[argument];
    for (size_t i = 0; i < function_.formals.size(); ++i)
      if (function_.formals[i].text == formal.name && bound[i] != kNoNode)
        return node.op == Op::Input &&
               Input(node.index) == tokenCountInput(program_[bound[i]].type.extent);
    return false;
  }

  const Program &program_;
  const Item &function_;

public:
  std::vector<NodeId> bound; // what each formal stands for
};

} // namespace

Form plainForm(const Node &node) {
  return {{}, {node.operands.begin(), node.operands.begin() + opArity(node.op)}};
}

Form recognise(const Program &program, NodeId id) {
  const std::vector<Item> &items = builtinDefinitions().ast.items;
  for (size_t i = items.size(); i-- > 0;) { // later definitions are made of earlier ones
    Matcher matcher(program, items[i]);
    if (matcher.matches(id))
      return {items[i].name.text, std::move(matcher.bound)};
  }
  return plainForm(program[id]);
}

} // namespace disco::dsl
