#include "dsl/Checker.h"

#include "dsl/Expander.h"
#include "dsl/Importer.h"
#include "dsl/Inliner.h"
#include "dsl/Judge.h"
#include "dsl/Limits.h"
#include "dsl/support/Number.h"

#include <algorithm>
#include <array>

namespace disco::dsl {

namespace {

class Checker {
public:
  Checker(const Source &source, const Ast &ast, Diagnostics &diagnostics, Importer &importer)
      : ast_(ast), diagnostics_(diagnostics), importer_(importer),
        expander_(source, ast, diagnostics) {}

  size_t expansions() const { return expander_.expansions; }

  std::optional<Program> run() {
    const Importer::Entered entered(importer_, ast_.name);
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
    finishStates();
    for (const Definition &definition : expander_.definitions) // SPEC U5
      if (!definition.used)
        expander_.report(DiagnosticKind::UnusedName, definition.item->name.span,
                         quoted(definition.item->name.text) +
                             (definition.item->kind == ItemKind::State
                                  ? " is read by nothing but its own `next`, if that"
                                  : " is never used"));
    if (diagnostics_.hasErrors())
      return std::nullopt;
    program_.constraints = std::move(expander_.constraints);
    program_.nodes = expander_.graph.take();
    removeUnused(program_);
    judge(program_, places(), diagnostics_);
    if (diagnostics_.hasErrors())
      return std::nullopt;
    return std::move(program_);
  }

private:
  void checkItem(const Item &item) {
    switch (item.kind) {
    case ItemKind::Parameter:
      return checkParameter(item);
    case ItemKind::Column:
      return checkColumn(item);
    case ItemKind::State:
      return checkState(item);
    case ItemKind::Next:
      return checkNext(item);
    case ItemKind::Binding:
      countBindings(item.name);
      define(item, expander_.expand(item.value));
      return;
    case ItemKind::Function:
      countBindings(item.name);
      checkFunction(item);
      return;
    case ItemKind::Use:
      countBindings(item.name);
      define(item, usedValue(item));
      return;
    case ItemKind::Loss: // SPEC I4
      if (loss_)
        expander_.report(DiagnosticKind::DuplicateName, item.name.span, "a second `loss`")
            .notes.push_back({loss_->name.span, "the first one"});
      else
        loss_ = &item;
      program_.loss = realValue(item.value, "the loss").node;
      return;
    case ItemKind::Reward:
      return checkReward(item);
    case ItemKind::Metric:
      countBindings(item.name);
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
    if (!input && !findBuiltin(name.text))
      return true;
    expander_.report(DiagnosticKind::ReservedName, name.span,
                     "`" + name.text + "` is " + (input ? "an input" : "a builtin function") +
                         " and cannot be redefined");
    return false;
  }

  void countBindings(const Name &name, size_t count = 1) {
    if (bindings_ <= Limits::bindings && bindings_ + count > Limits::bindings) // SPEC X4
      expander_.report(DiagnosticKind::TooManyBindings, name.span,
                       "more than " + std::to_string(Limits::bindings) +
                           " let, fn, use and metric items");
    bindings_ += count;
  }

  /// SPEC I2
  void checkParameter(const Item &item) {
    Parameter parameter;
    parameter.name = item.name.text;
    parameter.defaultValue = *item.number;
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
    else if (!parameter.contains(*item.number))
      expander_.report(DiagnosticKind::InvalidParameter, item.numberSpan,
                       "the default " + formatNumber(*item.number) + " lies outside " +
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

  /// SPEC I8
  void checkColumn(const Item &item) {
    const uint32_t index =
        addColumn({item.name.text, item.number, item.name.span}, expander_, program_);
    define(item, {expander_.graph.column(index, item.name.span)});
  }

  /// SPEC I9
  void checkState(const Item &item) {
    const Value initial = realValue(item.value, "the first value of a state", Extent::Batch);
    constrain(initial, item.value, "the first value of a state",
              {.name = "the first value of " + quoted(item.name.text),
               .lower = -std::numeric_limits<float>::max(),
               .upper = std::numeric_limits<float>::max(),
               .span = {}});
    const uint32_t index =
        addState({item.name.text, initial.node, kNoNode, item.name.span}, expander_, program_);
    define(item, {expander_.graph.state(index, item.name.span)});
  }

  /// SPEC T12: a CONST, within a range however the parameters are set. False where it is none.
  bool constrain(Value value, ExprRange written, const std::string &what, Parameter range) {
    if (!value.valid())
      return false;
    range.span = ast_.exprs[written.end - 1].span;
    if (!expander_.isConst(value.node)) {
      expander_.report(DiagnosticKind::NotConstant, range.span,
                       what + " is an expression over numbers and parameters");
      return false;
    }
    expander_.constraints.push_back({value.node, std::move(range)});
    return true;
  }

  /// SPEC I10
  void checkNext(const Item &item) {
    const auto state = std::find_if(expander_.definitions.begin(), expander_.definitions.end(),
                                    [&](const Definition &definition) {
                                      return definition.item->kind == ItemKind::State &&
                                             definition.item->name.text == item.name.text;
                                    });
    if (state == expander_.definitions.end()) {
      expander_.report(DiagnosticKind::UndeclaredName, item.name.span,
                       "there is no state " + quoted(item.name.text) + " above");
      return;
    }
    for (const Item *other : nexts_)
      if (other->name.text == item.name.text) {
        expander_
            .report(DiagnosticKind::DuplicateName, item.name.span,
                    "a second `next " + item.name.text + "`")
            .notes.push_back({other->name.span, "the first one"});
        return;
      }
    nexts_.push_back(&item);
    const bool read = state->used; // a state that only feeds itself is not read
    const NodeId next = realValue(item.value, "`next`", Extent::Batch).node;
    state->used = read;
    if (state->value.valid())
      program_.states[expander_.graph[state->value.node].index].next = next;
  }

  void finishStates() {
    for (Definition &definition : expander_.definitions) {
      const Name &name = definition.item->name;
      if (definition.item->kind != ItemKind::State ||
          std::any_of(nexts_.begin(), nexts_.end(),
                      [&](const Item *next) { return next->name.text == name.text; }))
        continue;
      definition.used = true;
      expander_.report(DiagnosticKind::MissingNext, name.span,
                       "state " + quoted(name.text) + " has no `next " + name.text + " = ...;`");
    }
  }

  /// SPEC I11: the loss of the used objective, in which settings stand for parameters.
  Value usedValue(const Item &item) {
    std::vector<Value> settings;
    for (const Setting &setting : item.settings)
      settings.push_back(realValue(setting.value, "a setting of `use`", Extent::Batch));
    const Checked *used = importer_.import(item.objective, diagnostics_);
    if (!used || !expander_.countExpansions(1 + used->expansions, item.objective.span))
      return {};
    const Program &program = *used->program;
    std::vector<Value> parameters(program.parameters.size());
    for (size_t i = 0; i < settings.size(); ++i) {
      const Name &name = item.settings[i].name;
      const std::optional<uint32_t> index = program.parameterIndex(name.text);
      if (!index) {
        reportUnknownParameter(name, program);
        continue;
      }
      for (size_t j = 0; j < i; ++j)
        if (item.settings[j].name.text == name.text)
          expander_
              .report(DiagnosticKind::DuplicateName, name.span, quoted(name.text) + " is set twice")
              .notes.push_back({item.settings[j].name.span, "the first time"});
      Parameter range = program.parameters[*index];
      range.name = quoted(name.text) + " of " + quoted(item.objective.text);
      if (constrain(settings[i], item.settings[i].value, "a setting of `use`", range))
        parameters[*index] = settings[i];
    }
    for (size_t i = 0; i < parameters.size(); ++i)
      if (!parameters[i].valid())
        parameters[i].node =
            expander_.graph.constant(program.parameters[i].defaultValue, item.objective.span);
    const Value loss = inlineObjective(program, parameters, item, expander_, program_);
    countBindings(item.objective, program_.metrics.size() - metrics_.size());
    metrics_.resize(program_.metrics.size());
    return loss;
  }

  void reportUnknownParameter(const Name &name, const Program &program) {
    std::string known;
    std::vector<std::string_view> names;
    for (const Parameter &parameter : program.parameters) {
      known += (known.empty() ? "it has " : ", ") + quoted(parameter.name);
      names.push_back(parameter.name);
    }
    Diagnostic &found =
        expander_.report(DiagnosticKind::UndeclaredName, name.span,
                         "objective " + quoted(program.name) + " has no parameter " +
                             quoted(name.text) + "; " + (known.empty() ? "it has none" : known));
    if (const auto near = closest(name.text, names))
      found.edits.push_back({name.span, std::string(*near), false});
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

  /// The expression's value if it is a real that fits where it stands.
  Value realValue(ExprRange written, const std::string &what, Extent widest = Extent::Pair) {
    const Value value = expander_.expand(written);
    if (!value.valid())
      return {};
    const Span span = ast_.exprs[written.end - 1].span;
    const Type type = expander_.graph[value.node].type;
    if (type.kind != Kind::Real) {
      expander_.report(DiagnosticKind::KindMismatch, span,
                       what + " is a real, found a truth value");
      return {};
    }
    if (type.extent > widest) { // SPEC T10
      expander_.report(DiagnosticKind::WrongExtent, span,
                       what + " is one number per " +
                           (widest == Extent::Batch ? "batch" : "pair or batch") + ", found " +
                           std::string(extentText(type.extent)));
      return {};
    }
    return value;
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
    (chosen ? program_.chosenReward : program_.rejectedReward) =
        realValue(item.value, "a reward").node;
  }

  /// SPEC I6
  void checkMetric(const Item &item) {
    for (const Item *other : metrics_)
      if (other && other->name.text == item.name.text) {
        expander_
            .report(DiagnosticKind::DuplicateName, item.name.span,
                    "a second metric `" + item.name.text + "`")
            .notes.push_back({other->name.span, "the first one"});
        return;
      }
    metrics_.push_back(&item);
    program_.metrics.push_back({item.name.text, realValue(item.value, "a metric").node});
  }

  bool readsReference(NodeId id) {
    const Graph &graph = expander_.graph;
    std::vector<bool> seen(graph.size());
    seen[id] = true;
    for (NodeId at = id + 1; at-- > 0;) {
      if (!seen[at])
        continue;
      const Node &node = graph[at];
      if (node.op == Op::Input && inputNeedsReference(Input(node.index)))
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

  ResultPlaces places() const {
    ResultPlaces places;
    places.loss = ast_.exprs[loss_->value.end - 1].span;
    if (chosenReward_)
      places.chosenReward = chosenReward_->name.span;
    if (rejectedReward_)
      places.rejectedReward = rejectedReward_->name.span;
    for (const Item *metric : metrics_)
      places.metrics.push_back(metric ? std::optional(metric->name.span) : std::nullopt);
    return places;
  }

  const Ast &ast_;
  Diagnostics &diagnostics_;
  Importer &importer_;
  Expander expander_;
  Program program_;
  size_t bindings_ = 0;
  const Item *loss_ = nullptr;
  const Item *chosenReward_ = nullptr;
  const Item *rejectedReward_ = nullptr;
  std::vector<const Item *> metrics_; // null for those of used objectives
  std::vector<const Item *> nexts_;
};

} // namespace

Checked check(const Source &source, const Ast &ast, Diagnostics &diagnostics, Importer &importer) {
  Checker checker(source, ast, diagnostics, importer);
  Checked result;
  result.program = checker.run();
  result.expansions = checker.expansions();
  return result;
}

} // namespace disco::dsl
