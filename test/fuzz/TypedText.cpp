#include "test/fuzz/TypedText.h"

#include "dsl/Program.h"

#include <algorithm>
#include <vector>

namespace disco::fuzz {

namespace {

using dsl::Extent;
using dsl::isToken;

struct Function {
  std::string name;
  size_t arity;
};

/// Calls of reals that keep the extent, and reductions by what they reduce.
struct Functions {
  std::vector<Function> pointwise, ofPairs, ofTokens;
  Functions() {
    const auto add = [&](std::string name, std::string_view parameters) {
      const Function row{name, 1 + size_t(std::count(parameters.begin(), parameters.end(), ','))};
      if (name.starts_with("batch_"))
        ofPairs.push_back(row);
      else if (name.starts_with("token_"))
        ofTokens.push_back(row);
      else if (name != "where")
        pointwise.push_back(row);
    };
#define DISCO_BUILTIN(NAME, PARAMETERS, DEFINITION, MEANING) add(#NAME, PARAMETERS);
#include "dsl/Builtins.def"
  }
};

struct Name {
  std::string text;
  Extent extent;
};

class Writer {
public:
  explicit Writer(Choices &choices) : choices_(choices) {
    for (size_t i = 0; i < dsl::kInputCount; ++i)
      names_.push_back(
          {std::string(dsl::inputName(dsl::Input(i))), dsl::inputExtent(dsl::Input(i))});
    for (const char *prelude : {"margin", "margin", "margin", "chosen_ratio", "rejected_ratio"})
      names_.push_back({prelude, Extent::Pair});
  }

  std::string run() {
    std::string out = "objective fuzzed {\n";
    for (size_t i = choices_.below(4); i-- > 0;)
      out += "  param " + declare("p", Extent::Batch) + " = " + number(false) + ";\n";
    for (size_t i = choices_.below(3); i-- > 0;)
      out += "  column " + declare("c", Extent::Pair) +
             (choices_.below(2) ? " = " + number(true) : "") + ";\n";
    const size_t states = choices_.below(3), firstState = names_.size();
    for (size_t i = 0; i < states; ++i)
      out += "  state " + declare("s", Extent::Batch) + " = " + number(true) + ";\n";
    if (choices_.below(4) == 0) {
      out += "  fn f(a) = (a) * " + expression(Extent::Batch, 2) + ";\n";
      hasFunction_ = true;
    }
    for (size_t i = choices_.below(5); i-- > 0;) {
      const Extent extent = Extent(choices_.below(4));
      const std::string value =
          expression(extent, 4) + (extent == Extent::Batch ? "" : " + " + exactly(extent));
      out += "  let " + declare("v", extent) + " = " + value + ";\n";
    }
    for (size_t i = 0; i < states; ++i)
      out += "  next " + names_[firstState + i].text + " = " + expression(Extent::Batch, 3) + ";\n";
    out += "  loss = " + expression(choices_.below(8) ? Extent::Pair : Extent::Batch, 6) +
           " + softplus(-margin);\n";
    if (choices_.below(4) == 0)
      out += "  reward chosen = " + expression(Extent::Pair, 2) +
             ";\n  reward rejected = " + expression(Extent::Pair, 2) + ";\n";
    if (choices_.below(4) == 0)
      out += "  metric m = " + expression(Extent::Pair, 2) + ";\n";
    return out + "}\n";
  }

private:
  std::string declare(const char *prefix, Extent extent) {
    names_.push_back({prefix + std::to_string(names_.size()), extent});
    return names_.back().text;
  }

  std::string number(bool anySign) {
    constexpr const char *kNumbers[] = {"0",    "1",    "0.5",   "2",   "0.1",  "3",
                                        "10",   "1e-3", "88",    "1e4", "1e-6", "1e10",
                                        "0.25", "100",  "1e-30", "1e30"};
    const std::string sign = anySign && choices_.below(2) ? "-" : "";
    return sign + kNumbers[choices_.below(std::size(kNumbers))];
  }

  /// A name or a number that may stand in an expression of this extent.
  std::string leaf(Extent extent) {
    if (choices_.below(4) == 0)
      return "(" + number(true) + ")";
    const size_t start = choices_.below(names_.size());
    for (size_t i = 0; i < names_.size(); ++i) {
      const Name &name = names_[(start + i) % names_.size()];
      if (name.extent == extent || (!isToken(name.extent) && name.extent < extent))
        return name.text;
    }
    return "1";
  }

  /// Some name of exactly this extent, so that a reduction has what it asks for.
  std::string exactly(Extent extent) {
    const size_t start = choices_.below(names_.size());
    for (size_t i = 0; i < names_.size(); ++i)
      if (names_[(start + i) % names_.size()].extent == extent)
        return names_[(start + i) % names_.size()].text;
    return "margin";
  }

  std::string call(const Function &function, Extent extent, size_t depth) {
    std::string out = function.name + "(";
    for (size_t i = 0; i < function.arity; ++i)
      out += (i > 0 ? ", " : "") + expression(extent, depth);
    return out + ")";
  }

  std::string condition(Extent extent, size_t depth) {
    constexpr const char *kComparisons[] = {" < ", " <= ", " > ", " >= ", " == ", " != "};
    switch (depth == 0 ? 3 : choices_.below(6)) {
    case 0:
      return "not (" + condition(extent, depth - 1) + ")";
    case 1:
      return "(" + condition(extent, depth - 1) + ") and (" + condition(extent, depth - 1) + ")";
    case 2:
      return "(" + condition(extent, depth - 1) + ") or (" + condition(extent, depth - 1) + ")";
    default:
      return expression(extent, depth / 2) + kComparisons[choices_.below(6)] +
             expression(extent, depth / 2);
    }
  }

  std::string expression(Extent extent, size_t depth) {
    if (depth == 0 || budget_ == 0)
      return leaf(extent);
    --budget_;
    const size_t below = depth - 1;
    const auto operand = [&] { return "(" + expression(extent, below) + ")"; };
    switch (choices_.below(14)) {
    case 0:
      return leaf(extent);
    case 1:
      return operand() + " + " + operand();
    case 2:
      return operand() + " - " + operand();
    case 3:
    case 4:
      return operand() + " * " + operand();
    case 5:
      return operand() + " / " + operand();
    case 6:
      return "-" + operand();
    case 7:
      return operand() + "^" + (choices_.below(2) ? number(true) : "detach" + operand());
    case 8:
      return "where(" + condition(extent, below) + ", " + expression(extent, below) + ", " +
             expression(extent, below) + ")";
    case 9:
      if (hasFunction_)
        return "f" + operand();
      [[fallthrough]];
    default:
      break;
    }
    const std::vector<Function> &pointwise = functions_.pointwise;
    if (choices_.below(3) > 0 || isToken(extent))
      return call(pointwise[choices_.below(pointwise.size())], extent, below);
    // A reduction from the next wider extent; batch_sort keeps it.
    const bool overTokens = extent == Extent::Pair && choices_.below(2);
    const Extent wide = !overTokens         ? Extent::Pair
                        : choices_.below(2) ? Extent::ChosenToken
                                            : Extent::RejectedToken;
    const auto &rows = overTokens ? functions_.ofTokens : functions_.ofPairs;
    const Function &function = rows[choices_.below(rows.size())];
    if (function.name == "batch_sort" && extent != Extent::Pair)
      return leaf(extent);
    std::string out = function.name + "((" + expression(wide, below) + ") + " + exactly(wide);
    if (function.arity == 2)
      out += std::string(", ") + (choices_.below(2) ? "0.25" : "1");
    return out + ")";
  }

  Choices &choices_;
  static inline const Functions functions_;
  std::vector<Name> names_;
  bool hasFunction_ = false;
  size_t budget_ = 40; // operations of a text: most stay within the language's limits
};

} // namespace

std::string typedText(Choices &choices) { return Writer(choices).run(); }

} // namespace disco::fuzz
