#include "dsl/Judge.h"

#include "dsl/Constants.h"
#include "dsl/Limits.h"
#include "dsl/Safety.h"
#include "dsl/support/Number.h"

#include <algorithm>

namespace disco::dsl {

namespace {

/// What training must provide for some results.
struct Needs {
  Needs(const Program &program, std::vector<NodeId> results) {
    for (Input input : program.inputsOf(results)) {
      reference |= inputNeedsReference(input);
      tokens |= isToken(inputExtent(input));
      lengths |= input == Input::chosen_length || input == Input::rejected_length;
    }
    columns = program.columnsOf(results);
  }

  bool reference = false, tokens = false, lengths = false;
  std::vector<uint32_t> columns; // indices into Program::columns
};

class ReportCheck {
public:
  ReportCheck(const Program &program, Diagnostics &diagnostics)
      : program_(program), diagnostics_(diagnostics), training_(program, trainingRoots(program)) {}

  /// SPEC U4
  void check(std::optional<Span> place, NodeId value) {
    if (!place)
      return;
    const Needs own(program_, {value});
    std::string what;
    const auto add = [&](bool wanted, bool had, const std::string &need) {
      if (wanted && !had)
        what += (what.empty() ? "" : ", ") + need;
    };
    add(own.reference, training_.reference, "the reference model");
    add(own.tokens, training_.tokens, "token values");
    add(own.lengths, training_.lengths, "lengths");
    for (uint32_t column : own.columns)
      add(true,
          std::find(training_.columns.begin(), training_.columns.end(), column) !=
              training_.columns.end(),
          "column `" + program_.columns[column].name + "`");
    if (!what.empty())
      diagnostics_.report(DiagnosticKind::ReportOnlyNeed, *place,
                          "only this needs " + what + "; the loss does not");
  }

private:
  static std::vector<NodeId> trainingRoots(const Program &program) {
    std::vector<NodeId> roots{program.loss};
    for (const State &state : program.states)
      roots.push_back(state.next);
    return roots;
  }

  const Program &program_;
  Diagnostics &diagnostics_;
  const Needs training_;
};

} // namespace

void judge(const Program &program, const ResultPlaces &places, Diagnostics &diagnostics) {
  if (const size_t count = countOperations(program); count > Limits::operations) // SPEC X10
    diagnostics.report(DiagnosticKind::TooManyOperations, places.loss,
                       "loss and gradient take " + std::to_string(count) +
                           " operations, the limit is " + std::to_string(Limits::operations));
  if (isDead(program)) // SPEC D2
    diagnostics.report(DiagnosticKind::DeadLoss, places.loss,
                       "the gradient of this loss with respect to the policy is zero everywhere");
  const std::vector<double> defaults = program.defaultParameters();
  for (const Constraint &constraint : program.constraints) // SPEC T12
    if (const double value = constantValue(program, constraint.value, defaults);
        !constraint.range.contains(value))
      diagnostics.report(DiagnosticKind::ConstantOutOfRange, constraint.range.span,
                         constraint.range.name + " is " + formatNumber(value) +
                             " at the default parameters, " + constraint.complaint());
  ReportCheck reports(program, diagnostics);
  reports.check(places.chosenReward, program.chosenReward);
  reports.check(places.rejectedReward, program.rejectedReward);
  for (size_t i = 0; i < program.metrics.size(); ++i)
    reports.check(places.metrics[i], program.metrics[i].value);
}

} // namespace disco::dsl
