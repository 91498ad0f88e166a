// Canonical text. What is used more than once is bound to a name unless it is short; everything
// else stands where it is used.
#include "dsl/Dsl.h"
#include "dsl/Limits.h"
#include "dsl/Recogniser.h"
#include "dsl/support/Number.h"

#include <algorithm>
#include <cmath>

namespace disco::dsl {

namespace {

/// Parameter names that carry meaning and can carry nothing else. Others are numbered, so that no
/// author's words reach a reader of the canonical text.
constexpr std::string_view kKnownParameters[] = {
    "alpha",           "beta",      "delta",        "epsilon", "eta",   "gamma",
    "label_smoothing", "lambda",    "margin_scale", "omega",   "scale", "tau",
    "temperature",     "threshold", "weight"};

/// Binding strength, as in the grammar.
enum Strength { kOr, kAnd, kNot, kCompare, kSum, kProduct, kNegate, kPower, kAtom };

struct Infix {
  std::string_view text;
  Strength strength, left, right; // of the whole; the least its operands may have
};

std::optional<Infix> infixOf(Op op) {
  switch (op) {
  case Op::Add:
    return Infix{" + ", kSum, kSum, kProduct};
  case Op::Sub:
    return Infix{" - ", kSum, kSum, kProduct};
  case Op::Mul:
    return Infix{" * ", kProduct, kProduct, kNegate};
  case Op::Div:
    return Infix{" / ", kProduct, kProduct, kNegate};
  case Op::Pow:
    return Infix{"^", kPower, kAtom, kNegate};
  case Op::Lt:
    return Infix{" < ", kCompare, kSum, kSum};
  case Op::Le:
    return Infix{" <= ", kCompare, kSum, kSum};
  case Op::Eq:
    return Infix{" == ", kCompare, kSum, kSum};
  case Op::Ne:
    return Infix{" != ", kCompare, kSum, kSum};
  case Op::And:
    return Infix{" and ", kAnd, kAnd, kNot};
  case Op::Or:
    return Infix{" or ", kOr, kOr, kAnd};
  default:
    return std::nullopt;
  }
}

/// Nested deeper, an expression is hard to read, and Limits::depth is near.
constexpr size_t kMostNested = 12;

class Printer {
public:
  explicit Printer(const Program &program) : program_(program) { findForms(); }

  std::string run() {
    std::string out = "objective canonical {\n";
    for (size_t i = 0; i < program_.parameters.size(); ++i)
      out += "  " + parameterLine(i);
    for (const Column &column : program_.columns)
      out += "  column " + column.name +
             (column.defaultValue ? " = " + formatNumber(*column.defaultValue) : "") + ";\n";
    // Bind more, shorter things first; fewer where the language's limit asks for it.
    size_t shortest = 3;
    while (chooseBindings(shortest) > Limits::bindings - program_.metrics.size())
      shortest *= 2;
    out += bindings(true); // those a first value may read
    for (size_t i = 0; i < program_.states.size(); ++i)
      out +=
          "  state " + stateName(i) + " = " + text(program_.states[i].initial, kOr, false) + ";\n";
    out += bindings(false);
    for (size_t i = 0; i < program_.states.size(); ++i)
      out += "  next " + stateName(i) + " = " + text(program_.states[i].next, kOr, false) + ";\n";
    out += "  loss = " + text(program_.loss, kOr, false) + ";\n";
    out += "  reward chosen = " + text(program_.chosenReward, kOr, false) + ";\n";
    out += "  reward rejected = " + text(program_.rejectedReward, kOr, false) + ";\n";
    for (size_t i = 0; i < program_.metrics.size(); ++i)
      out += "  metric m" + std::to_string(i) + " = " +
             text(program_.metrics[i].value, kOr, false) + ";\n";
    return out + "}\n";
  }

private:
  void findForms() {
    forms_.resize(program_.nodes.size());
    uses_.assign(program_.nodes.size(), 0);
    names_.resize(program_.nodes.size());
    const auto use = [&](NodeId id) { ++uses_[id]; };
    use(program_.loss);
    use(program_.chosenReward);
    use(program_.rejectedReward);
    for (const Metric &metric : program_.metrics)
      use(metric.value);
    for (const State &state : program_.states) {
      use(state.initial);
      use(state.next);
    }
    for (NodeId id = NodeId(program_.nodes.size()); id-- > 0;) {
      if (uses_[id] == 0)
        continue;
      forms_[id] = recognise(program_, id);
      if (isColumn(forms_[id].name)) // the column hides the prelude's name
        forms_[id] = plainForm(program_[id]);
      for (NodeId operand : forms_[id].operands)
        use(operand);
    }
  }

  /// Marks what is bound to a name: anything used twice that takes `shortest` tokens or more, and
  /// what would nest too deep.
  size_t chooseBindings(size_t shortest) {
    bound_.assign(program_.nodes.size(), false);
    std::vector<size_t> length(program_.nodes.size(), 1), nested(program_.nodes.size(), 0);
    size_t count = 0;
    for (NodeId id = 0; id < program_.nodes.size(); ++id) {
      if (uses_[id] == 0)
        continue;
      for (NodeId operand : forms_[id].operands) {
        length[id] += length[operand];
        nested[id] = std::max(nested[id], nested[operand] + 1);
      }
      const bool leaf = forms_[id].operands.empty();
      if (leaf || ((uses_[id] < 2 || length[id] < shortest) && nested[id] < kMostNested))
        continue;
      bound_[id] = true;
      length[id] = 1;
      nested[id] = 0;
      ++count;
    }
    return count;
  }

  /// `let` items for what is bound, either the constants among it or the others.
  std::string bindings(bool constants) {
    std::string out;
    std::vector<bool> constant(program_.nodes.size());
    for (NodeId id = 0; id < program_.nodes.size(); ++id) {
      const Node &node = program_[id];
      constant[id] = opArity(node.op) > 0 || node.op == Op::Constant || node.op == Op::Parameter;
      for (unsigned i = 0; i < opArity(node.op); ++i)
        constant[id] = constant[id] && constant[node.operands[i]];
      if (!bound_[id] || constant[id] != constants)
        continue;
      const std::string value = text(id, kOr, true);
      names_[id] = ownName("v", bindings_++);
      out += "  let " + names_[id] + " = " + value + ";\n";
    }
    return out;
  }

  /// A column's name is the data set's and stays; names chosen here make way for it.
  bool isColumn(std::string_view name) const {
    return std::any_of(program_.columns.begin(), program_.columns.end(),
                       [&](const Column &column) { return column.name == name; });
  }
  std::string ownName(const char *letter, size_t index) const {
    std::string name = letter + std::to_string(index);
    while (isColumn(name))
      name += '_';
    return name;
  }
  std::string stateName(size_t index) const { return ownName("s", index); }
  std::string parameterName(size_t index) const {
    const std::string &name = program_.parameters[index].name;
    const bool known = std::find(std::begin(kKnownParameters), std::end(kKnownParameters), name) !=
                       std::end(kKnownParameters);
    return known && !isColumn(name) ? name : ownName("p", index);
  }

  std::string parameterLine(size_t index) const {
    const Parameter &parameter = program_.parameters[index];
    std::string line =
        "param " + parameterName(index) + " = " + formatNumber(parameter.defaultValue);
    if (std::isfinite(parameter.lower))
      line += " in " + parameter.rangeText();
    return line + (parameter.logScale ? " log" : "") + ";\n";
  }

  /// `open`: print the value although a name stands for it.
  std::string text(NodeId id, Strength least, bool open = false) {
    if (!open && !names_[id].empty())
      return names_[id];
    Strength strength = kAtom;
    const std::string out = bare(id, strength);
    return strength < least ? "(" + out + ")" : out;
  }

  std::string bare(NodeId id, Strength &strength) {
    const Node &node = program_[id];
    const Form &form = forms_[id];
    if (!form.name.empty())
      return form.operands.empty() ? std::string(form.name) : call(form.name, form.operands);
    if (auto infix = infixOf(node.op)) {
      strength = infix->strength;
      return text(node.operands[0], infix->left) + std::string(infix->text) +
             text(node.operands[1], infix->right);
    }
    switch (node.op) {
    case Op::Constant:
      strength = std::signbit(node.constant) ? kNegate : kAtom;
      return formatNumber(node.constant);
    case Op::Parameter:
      return parameterName(node.index);
    case Op::Input:
      return std::string(inputName(Input(node.index)));
    case Op::Column:
      return program_.columns[node.index].name;
    case Op::State:
      return stateName(node.index);
    case Op::Neg:
      strength = kNegate;
      return "-" + text(node.operands[0], kNegate);
    case Op::Not:
      strength = kNot;
      return "not " + text(node.operands[0], kNot);
    default:
      return call(opMnemonic(node.op), form.operands);
    }
  }

  std::string call(std::string_view name, const std::vector<NodeId> &operands) {
    std::string out = std::string(name) + "(";
    for (size_t i = 0; i < operands.size(); ++i)
      out += (i > 0 ? ", " : "") + text(operands[i], kOr);
    return out + ")";
  }

  const Program &program_;
  std::vector<Form> forms_;
  std::vector<unsigned> uses_;
  std::vector<bool> bound_;
  std::vector<std::string> names_;
  size_t bindings_ = 0;
};

} // namespace

std::string printProgram(const Program &program) { return Printer(program).run(); }

} // namespace disco::dsl
