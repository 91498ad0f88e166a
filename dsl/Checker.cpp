#include "dsl/Checker.h"

#include "dsl/Expander.h"
#include "dsl/Limits.h"
#include "dsl/Safety.h"
#include "dsl/support/Number.h"

#include <algorithm>
#include <array>

namespace disco::dsl {

namespace {

class Checker {
public:
  Checker(const Source &source, const Ast &ast, Diagnostics &diagnostics)
      : ast_(ast), diagnostics_(diagnostics), expander_(source, ast, diagnostics) {}

  std::optional<Program> run() {
    program_.name = ast_.name.text;
    expander_.definitions.reserve(ast_.items.size());
    for (const Item &item : ast_.items) {
      if (expander_.exhausted)
        return std::nullopt;
      checkItem(item);
    }
    finishRewards();
    if (!loss_)
      expander_.report(DiagnosticKind::MissingLoss, ast_.name.span,
                       "objective `" + ast_.name.text + "` has no `loss = ...;`");
    for (const Definition &definition : expander_.definitions)
      if (!definition.used)
        expander_.report(DiagnosticKind::UnusedName, definition.item->name.span,
                         "`" + definition.item->name.text + "` is never used");
    if (diagnostics_.hasErrors())
      return std::nullopt;
    program_.nodes = expander_.graph.take();
    removeUnused(program_);
    judge();
    if (diagnostics_.hasErrors())
      return std::nullopt;
    return std::move(program_);
  }

private:
  void checkItem(const Item &item) {
    switch (item.kind) {
    case ItemKind::Parameter:
      return checkParameter(item);
    case ItemKind::Binding:
      countBinding(item);
      define(item, expander_.expand(item.value));
      return;
    case ItemKind::Function:
      countBinding(item);
      checkFunction(item);
      return;
    case ItemKind::Loss: // SPEC I4
      if (loss_)
        expander_.report(DiagnosticKind::DuplicateName, item.name.span, "a second `loss`")
            .notes.push_back({loss_->name.span, "the first one"});
      else
        loss_ = &item;
      program_.loss = realValue(item, "the loss");
      return;
    case ItemKind::Reward:
      return checkReward(item);
    case ItemKind::Metric:
      countBinding(item);
      return checkMetric(item);
    }
  }

  /// A new name, unless the language or an item above has it. SPEC I1
  void define(const Item &item, Value value) {
    if (!nameIsFree(item.name))
      return;
    for (const Definition &definition : expander_.definitions)
      if (definition.item->name.text == item.name.text) {
        expander_
            .report(DiagnosticKind::DuplicateName, item.name.span,
                    "`" + item.name.text + "` is already defined")
            .notes.push_back({definition.item->name.span, "defined here"});
        return;
      }
    expander_.definitions.push_back({&item, value, false});
  }

  bool nameIsFree(const Name &name) {
    const bool input = inputByName(name.text).has_value();
    if (!input && !findBuiltin(name.text) && !isLaterBuiltin(name.text))
      return true;
    expander_.report(DiagnosticKind::ReservedName, name.span,
                     "`" + name.text + "` is " + (input ? "an input" : "a builtin function") +
                         " and cannot be redefined");
    return false;
  }

  void countBinding(const Item &item) {
    if (++bindings_ == Limits::bindings + 1) // SPEC X4
      expander_.report(DiagnosticKind::TooManyBindings, item.name.span,
                       "more than " + std::to_string(Limits::bindings) +
                           " let, fn and metric items");
  }

  /// SPEC I2
  void checkParameter(const Item &item) {
    Parameter parameter;
    parameter.name = item.name.text;
    parameter.defaultValue = item.number;
    parameter.span = item.name.span;
    if (item.range) {
      parameter.lower = item.range->lower;
      parameter.upper = item.range->upper;
      parameter.lowerOpen = item.range->lowerOpen;
      parameter.upperOpen = item.range->upperOpen;
    }
    if (program_.parameters.size() == Limits::parameters) // SPEC X5
      expander_.report(DiagnosticKind::TooManyParameters, item.name.span,
                       "more than " + std::to_string(Limits::parameters) + " parameters");
    if (item.range && !(parameter.lower < parameter.upper))
      expander_.report(DiagnosticKind::InvalidParameter, item.range->span,
                       "the range " + parameter.rangeText() + " is empty");
    else if (!parameter.contains(item.number))
      expander_.report(DiagnosticKind::InvalidParameter, item.numberSpan,
                       "the default " + formatNumber(item.number) + " lies outside " +
                           parameter.rangeText());
    if (item.logName) {
      parameter.logScale = item.logName->text == "log";
      if (!parameter.logScale)
        expander_.report(DiagnosticKind::InvalidParameter, item.logName->span,
                         "only `log` may stand here, found `" + item.logName->text + "`");
      else if (!item.range || !(parameter.lower > 0))
        expander_.report(DiagnosticKind::InvalidParameter, item.logName->span,
                         "`log` needs a range above 0, as in `in [1e-3, 10] log`");
    }
    const auto index = uint32_t(program_.parameters.size());
    program_.parameters.push_back(parameter);
    define(item, {expander_.graph.parameter(index, item.name.span)});
  }

  void checkFunction(const Item &item) {
    for (size_t i = 0; i < item.formals.size(); ++i) {
      nameIsFree(item.formals[i]);
      for (size_t j = 0; j < i; ++j)
        if (item.formals[i].text == item.formals[j].text)
          expander_
              .report(DiagnosticKind::DuplicateName, item.formals[i].span,
                      "`" + item.formals[i].text + "` is already an argument")
              .notes.push_back({item.formals[j].span, "named here"});
    }
    expander_.checkFunction(item);
    define(item, {});
  }

  NodeId realValue(const Item &item, std::string_view what) {
    const Value value = expander_.expand(item.value);
    if (!value.valid())
      return kNoNode;
    if (expander_.graph[value.node].type.kind == Kind::Real)
      return value.node;
    expander_.report(DiagnosticKind::KindMismatch, ast_.exprs[item.value.end - 1].span,
                     std::string(what) + " is a real, found a truth value");
    return kNoNode;
  }

  /// SPEC I5
  void checkReward(const Item &item) {
    const bool chosen = item.name.text == "chosen";
    if (!chosen && item.name.text != "rejected") {
      expander_.report(DiagnosticKind::InvalidReward, item.name.span,
                       "rewards are `chosen` and `rejected`, found `" + item.name.text + "`");
      return;
    }
    const Item *&seen = chosen ? chosenReward_ : rejectedReward_;
    if (seen)
      expander_
          .report(DiagnosticKind::DuplicateName, item.name.span,
                  "a second `reward " + item.name.text + "`")
          .notes.push_back({seen->name.span, "the first one"});
    seen = &item;
    (chosen ? program_.chosenReward : program_.rejectedReward) = realValue(item, "a reward");
  }

  /// SPEC I6
  void checkMetric(const Item &item) {
    for (const Item *other : metrics_)
      if (other->name.text == item.name.text) {
        expander_
            .report(DiagnosticKind::DuplicateName, item.name.span,
                    "a second metric `" + item.name.text + "`")
            .notes.push_back({other->name.span, "the first one"});
        return;
      }
    metrics_.push_back(&item);
    program_.metrics.push_back({item.name.text, realValue(item, "a metric")});
  }

  bool readsReference(NodeId id) {
    const Graph &graph = expander_.graph;
    std::vector<bool> seen(graph.size());
    seen[id] = true;
    for (NodeId at = id + 1; at-- > 0;) {
      if (!seen[at])
        continue;
      const Node &node = graph[at];
      if (node.op == Op::Input && (Input(node.index) == Input::reference_chosen_logps ||
                                   Input(node.index) == Input::reference_rejected_logps))
        return true;
      for (unsigned i = 0; i < opArity(node.op); ++i)
        seen[node.operands[i]] = true;
    }
    return false;
  }

  /// SPEC I5: `beta` times the prelude's ratios, or times the policy's log-probabilities where the
  /// loss reads no reference.
  void finishRewards() {
    if (chosenReward_ || rejectedReward_) {
      if (!chosenReward_ || !rejectedReward_) {
        const Item *given = chosenReward_ ? chosenReward_ : rejectedReward_;
        expander_.report(DiagnosticKind::InvalidReward, given->name.span,
                         std::string("`reward ") + (chosenReward_ ? "rejected" : "chosen") +
                             "` is missing; give both or neither");
      }
      return;
    }
    if (program_.loss == kNoNode)
      return;
    const bool reference = readsReference(program_.loss);
    Value beta;
    if (auto index = program_.parameterIndex("beta"))
      beta.node = expander_.graph.parameter(*index, program_.parameters[*index].span);
    const auto reward = [&](std::string_view ratio, Input policy) {
      Value value = reference ? expander_.prelude(ratio)
                              : Value{expander_.graph.input(policy, {}), Unit::LogProb};
      return beta.valid() ? expander_.apply(Op::Mul, {beta, value}, {}).node : value.node;
    };
    program_.chosenReward = reward("chosen_ratio", Input::policy_chosen_logps);
    program_.rejectedReward = reward("rejected_ratio", Input::policy_rejected_logps);
  }

  /// What only shows in the whole.
  void judge() {
    const Span loss = ast_.exprs[loss_->value.end - 1].span;
    if (const size_t count = countOperations(program_); count > Limits::operations) // SPEC X10
      diagnostics_.report(DiagnosticKind::TooManyOperations, loss,
                          "loss and gradient take " + std::to_string(count) +
                              " operations, the limit is " + std::to_string(Limits::operations));
    if (isDead(program_)) // SPEC D2
      diagnostics_.report(
          DiagnosticKind::DeadLoss, loss,
          "the gradient of this loss with respect to the policy is zero everywhere");
    if (program_.lossNeedsReference())
      return;
    const auto warn = [&](const Item &item, NodeId value) {
      for (Input input : program_.inputsOf(std::array{value}))
        if (input == Input::reference_chosen_logps || input == Input::reference_rejected_logps) {
          diagnostics_.report(DiagnosticKind::ReportOnlyReference, item.name.span,
                              "only this needs the reference model; the loss does not");
          return;
        }
    };
    if (chosenReward_)
      warn(*chosenReward_, program_.chosenReward);
    if (rejectedReward_)
      warn(*rejectedReward_, program_.rejectedReward);
    for (size_t i = 0; i < metrics_.size(); ++i)
      warn(*metrics_[i], program_.metrics[i].value);
  }

  const Ast &ast_;
  Diagnostics &diagnostics_;
  Expander expander_;
  Program program_;
  size_t bindings_ = 0;
  const Item *loss_ = nullptr;
  const Item *chosenReward_ = nullptr;
  const Item *rejectedReward_ = nullptr;
  std::vector<const Item *> metrics_;
};

} // namespace

std::optional<Program> check(const Source &source, const Ast &ast, Diagnostics &diagnostics) {
  return Checker(source, ast, diagnostics).run();
}

} // namespace disco::dsl
