#include "dsl/facts/FixIts.h"

#include "dsl/support/Number.h"

#include <algorithm>
#include <cctype>
#include <cmath>

namespace disco::dsl::facts {

namespace {

class Rewriter {
public:
  Rewriter(const Source &source, const Program &program) : source_(source), program_(program) {}

  /// Edits for the outermost forms, in source order.
  std::vector<Edit> edits() const {
    std::vector<Edit> edits;
    for (NodeId id = NodeId(program_.nodes.size()); id-- > 0;) { // users first
      const std::string better = rewritten(program_[id]);
      const Span span = program_[id].span;
      const bool overlaps = std::any_of(edits.begin(), edits.end(), [&](const Edit &edit) {
        return span.begin < edit.span.end && edit.span.begin < span.end;
      });
      if (!better.empty() && !overlaps)
        edits.push_back({span, better, true});
    }
    std::sort(edits.begin(), edits.end(),
              [](const Edit &a, const Edit &b) { return a.span.begin < b.span.begin; });
    return edits;
  }

private:
  const Node &operand(const Node &node, unsigned i) const { return program_[node.operands[i]]; }
  bool isOne(const Node &node) const { return node.op == Op::Constant && node.constant == 1; }
  /// A function called where the author wrote it, as `exp(x)`.
  bool isCall(const Node &node, Op op) const {
    const std::string_view text = source_.slice(node.span), name = opMnemonic(op);
    return node.op == op && text.starts_with(name) && text.ends_with(')') &&
           text.substr(name.size()).starts_with('(');
  }
  bool isExp(const Node &node) const { return isCall(node, Op::Exp); }
  bool isOnePlusExp(const Node &node) const {
    return node.op == Op::Add && ((isOne(operand(node, 0)) && isExp(operand(node, 1))) ||
                                  (isOne(operand(node, 1)) && isExp(operand(node, 0))));
  }
  const Node &expOf(const Node &onePlusExp) const {
    return operand(onePlusExp, isExp(operand(onePlusExp, 0)) ? 0 : 1);
  }

  /// What the author wrote for the operand of a call, fit to stand beside any operator.
  std::string argument(const Node &call) const {
    const std::string_view whole = source_.slice(call.span);
    const size_t open = opMnemonic(call.op).size() + 1;
    const std::string text(whole.substr(open, whole.size() - open - 1));
    const bool word = std::all_of(text.begin(), text.end(), [](unsigned char c) {
      return std::isalnum(c) || c == '_' || c == '.';
    });
    return word ? text : "(" + text + ")";
  }
  /// log of sigmoid(a) or of 1 - sigmoid(a); empty for anything else.
  std::string logOfSigmoid(const Node &node) const {
    if (isCall(node, Op::Sigmoid))
      return "logsigmoid(" + bare(argument(node)) + ")";
    if (node.op == Op::Sub && isOne(operand(node, 0)) && isCall(operand(node, 1), Op::Sigmoid))
      return "logsigmoid(-" + argument(operand(node, 1)) + ")";
    return "";
  }
  static std::string bare(const std::string &text) {
    return text.front() == '(' ? text.substr(1, text.size() - 2) : text;
  }

  std::string rewritten(const Node &node) const {
    if (node.op == Op::Mul)
      for (unsigned i : {0u, 1u}) {
        const Node &factor = operand(node, i), &exponential = operand(node, 1 - i);
        if (!isExp(exponential))
          continue;
        // sigmoid(a) exp(b) = exp(log sigmoid(a) + b), and likewise 1 - sigmoid(a) = sigmoid(-a)
        if (const std::string log = logOfSigmoid(factor); !log.empty())
          return "exp(" + log + " + " + argument(exponential) + ")";
        // exp(a) exp(b) = exp(a + b)
        if (isExp(factor))
          return "exp(" + argument(factor) + " + " + argument(exponential) + ")";
      }
    if (node.op == Op::Div) {
      const Node &numerator = operand(node, 0), &denominator = operand(node, 1);
      // exp(a) / exp(b) = exp(a - b)
      if (isExp(numerator) && isExp(denominator))
        return "exp(" + argument(numerator) + " - " + argument(denominator) + ")";
      if (!isOnePlusExp(denominator))
        return "";
      // 1 / (1 + exp(a)) = sigmoid(-a)
      if (isOne(numerator))
        return "sigmoid(-" + argument(expOf(denominator)) + ")";
      // exp(a) / (1 + exp(a)) = sigmoid(a)
      if (&numerator == &expOf(denominator))
        return "sigmoid(" + bare(argument(numerator)) + ")";
    }
    return "";
  }

  const Source &source_;
  const Program &program_;
};

std::string applied(const std::string &text, const std::vector<Edit> &edits) {
  std::string changed;
  size_t from = 0;
  for (const Edit &edit : edits) {
    changed += text.substr(from, edit.span.begin - from) + edit.replacement;
    from = edit.span.end;
  }
  return changed + text.substr(from);
}

/// Whether value and slope agree along the margin line wherever the first are finite.
bool agree(const Program &before, const Program &after, std::span<const double> parameters) {
  MarginLine first(before, parameters), second(after, parameters);
  const auto near = [](double a, double b) {
    return std::fabs(a - b) <= 1e-9 * std::max({1.0, std::fabs(a), std::fabs(b)});
  };
  for (double size : {0.0, 1e-3, 0.1, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0})
    for (double margin : {size, -size}) {
      const MarginLine::Point a = first.at(margin), b = second.at(margin);
      if (a.finite && !(near(a.loss, b.loss) && near(a.slope, b.slope)))
        return false;
    }
  return true;
}

} // namespace

void warnNotFinite(const Source &source, const Program &program, std::span<const double> parameters,
                   const Facts &facts, const Compile &compile, Diagnostics &diagnostics) {
  const Finiteness &operating = facts.finiteOn[size_t(Box::Operating)];
  if (operating.verdict != Verdict::Refuted)
    return;
  std::string where;
  for (const auto &point : {facts.line.nonfiniteBelow, facts.line.nonfiniteAbove})
    if (point && std::fabs(point->margin) <= limitsOf(Box::Operating).margin)
      where += (where.empty() ? ", first at margin " : " and at ") +
               formatNumber(std::round(point->margin * 100) / 100);
  Diagnostic &found = diagnostics.report(
      DiagnosticKind::NotFinite, program[program.loss].span,
      "the loss or its gradient is not finite in float32 on the operating box" + where);
  const std::vector<Edit> edits = Rewriter(source, program).edits();
  if (edits.empty())
    return;
  const std::optional<Program> changed =
      compile(Source(source.name(), applied(source.text(), edits)));
  if (!changed || changed->parameters.size() != program.parameters.size() ||
      !agree(program, *changed, parameters) ||
      finitenessOn(*changed, Tape(*changed), parameters, Box::Operating).verdict != Verdict::Proved)
    return;
  found.edits = edits;
}

} // namespace disco::dsl::facts
