// Names of the syntax tree's parts and its dump.
#include "dsl/Ast.h"

#include "dsl/support/Number.h"

namespace disco::dsl {

std::string_view operatorText(Operator op) {
  constexpr std::string_view kTexts[] = {"-",  "not", "^",  "*",  "/",  "+",   "-", "<",
                                         "<=", ">",   ">=", "==", "!=", "and", "or"};
  return kTexts[size_t(op)];
}

bool isComparison(Operator op) { return op >= Operator::Less && op <= Operator::NotEqual; }

std::string_view itemKeyword(ItemKind kind) {
  constexpr std::string_view kTexts[] = {"param", "column", "state", "next",   "let",
                                         "fn",    "use",    "loss",  "reward", "metric"};
  return kTexts[size_t(kind)];
}

bool definesName(ItemKind kind) {
  return kind != ItemKind::Next && kind != ItemKind::Loss && kind != ItemKind::Reward &&
         kind != ItemKind::Metric;
}

namespace {

std::string label(const Expr &expr) {
  switch (expr.kind) {
  case ExprKind::Number:
    return "number " + formatNumber(expr.number);
  case ExprKind::Name:
    return "name " + expr.name;
  case ExprKind::Unary:
    return "unary " + std::string(operatorText(expr.op));
  case ExprKind::Binary:
    return "binary " + std::string(operatorText(expr.op));
  case ExprKind::Call:
    return "call " + expr.name;
  }
  return {};
}

/// Users before operands. Read backwards, the vector is a preorder walk that meets the last operand
/// first; each node's level is one more than its user's. The lines are then put back in reading
/// order.
void printExpr(std::string &out, const Ast &ast, ExprRange range, size_t indent) {
  std::vector<uint32_t> subtreeBegin(range.end - range.begin), level(range.end - range.begin);
  for (uint32_t id = range.begin; id < range.end; ++id) {
    uint32_t begin = id;
    for (uint32_t i = 0; i < ast.exprs[id].arguments; ++i)
      begin = subtreeBegin[begin - 1 - range.begin];
    subtreeBegin[id - range.begin] = begin;
  }
  std::vector<uint32_t> pending{range.end - 1};
  while (!pending.empty()) {
    const uint32_t id = pending.back();
    pending.pop_back();
    const uint32_t depth = level[id - range.begin];
    out += std::string(indent + 2 * depth, ' ') + label(ast.exprs[id]) + '\n';
    uint32_t end = id;
    for (uint32_t i = 0; i < ast.exprs[id].arguments; ++i) {
      level[end - 1 - range.begin] = depth + 1;
      pending.push_back(end - 1);
      end = subtreeBegin[end - 1 - range.begin];
    }
  }
}

} // namespace

std::string printAst(const Ast &ast) {
  std::string out = "objective " + ast.name.text + '\n';
  for (const Item &item : ast.items) {
    out += "  " + std::string(itemKeyword(item.kind));
    if (item.kind == ItemKind::Use)
      out += " " + item.objective.text + " as";
    if (!item.name.text.empty())
      out += " " + item.name.text;
    for (const Name &formal : item.formals)
      out += " " + formal.text;
    if (item.number)
      out += " = " + formatNumber(*item.number);
    if (item.range)
      out += std::string(" in ") + (item.range->lowerOpen ? "(" : "[") +
             formatNumber(item.range->lower) + ", " + formatNumber(item.range->upper) +
             (item.range->upperOpen ? ")" : "]");
    if (item.logName)
      out += " " + item.logName->text;
    out += '\n';
    if (!item.value.empty())
      printExpr(out, ast, item.value, 4);
    for (const Setting &setting : item.settings) {
      out += "    " + setting.name.text + '\n';
      printExpr(out, ast, setting.value, 6);
    }
  }
  return out;
}

} // namespace disco::dsl
