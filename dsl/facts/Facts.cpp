#include "dsl/facts/Facts.h"

#include "dsl/Dsl.h"
#include "dsl/Safety.h"
#include "dsl/facts/Enclosure.h"

#include <algorithm>

namespace disco::dsl::facts {

namespace {

std::vector<NodeId> resultsOf(const Program &program) {
  std::vector<NodeId> results{program.loss};
  for (const State &state : program.states)
    results.push_back(state.next);
  return results;
}

/// Whether a batch statistic of a value of pairs is the number 0 for every single pair of the
/// operating box.
bool degeneratesAtOne(const Program &program, const Tape &tape,
                      std::span<const double> parameters) {
  std::vector<Interval> states;
  for (double initial : initialStates(program, parameters))
    states.push_back(Interval::point(initial));
  const BoxDomain made = boxDomain(tape, program, parameters, states, Box::Operating);
  Enclosure enclosure(tape, made.domain, Precision::Double);
  std::vector<Interval> box = made.domain.box();
  if (made.pairs < box.size())
    box[made.pairs] = Interval::point(1);
  enclosure.evaluate(box, Enclosure::Method::Affine);
  return std::any_of(program.nodes.begin(), program.nodes.end(), [&](const Node &node) {
    if (opShape(node.op) != OpShape::Reduce || tape.valueOf(node.operands[0]) == kNoSlot)
      return false;
    return enclosure.at(tape.valueOf(node.operands[0])) == Interval::point(0);
  });
}

size_t nanRowsOfTen(const Program &program, std::span<const double> parameters) {
  constexpr size_t kPairs = 10, kBad = 4;
  std::vector<PairValues> pairs;
  for (size_t i = 0; i < kPairs; ++i)
    pairs.push_back({.policyChosen = -60 + double(i),
                     .policyRejected = -61 - double(i % 3),
                     .referenceChosen = -60,
                     .referenceRejected = -60,
                     .chosenLength = 30,
                     .rejectedLength = 30,
                     .columns = columnDefaults(program)});
  pairs[kBad].policyChosen = std::numeric_limits<double>::quiet_NaN();
  const bool withTokens = readsTokens(program);
  const Situation situation(pairs, program.columns.size(), initialStates(program, parameters), 0,
                            withTokens);
  Evaluation out;
  Interpreter(program).evaluate(situation.batch(), parameters, out, Precision::Float32,
                                {.gradients = true, .reports = true, .next = false});
  size_t rows = 0;
  for (size_t pair = 0; pair < kPairs; ++pair) {
    bool finite = std::isfinite(out.losses[pair]);
    const auto look = [&](Input input, size_t begin, size_t end) {
      const std::vector<double> &gradient = out.gradients[size_t(input)];
      for (size_t i = begin; i < std::min(end, gradient.size()); ++i)
        finite &= std::isfinite(gradient[i]);
    };
    look(Input::policy_chosen_logps, pair, pair + 1);
    look(Input::policy_rejected_logps, pair, pair + 1);
    const auto lookAt = [&](Input input, const std::vector<size_t> &offsets) {
      look(input, offsets[pair], offsets[pair + 1]);
    };
    lookAt(Input::policy_chosen_token_logps, situation.chosenOffsets());
    lookAt(Input::chosen_token_kl, situation.chosenOffsets());
    lookAt(Input::policy_rejected_token_logps, situation.rejectedOffsets());
    lookAt(Input::rejected_token_kl, situation.rejectedOffsets());
    rows += !finite;
  }
  return rows;
}

} // namespace

Facts factsOf(const Program &program, std::span<const double> parameters) {
  Facts facts;
  facts.hash = hash(program, parameters);
  facts.shapeHash = shapeHash(program, parameters);
  facts.codeHash = codeHash(program);
  facts.coupling = couplingOf(program);
  facts.separable = isSeparable(program);
  const std::vector<NodeId> results = resultsOf(program);
  facts.inputs = program.inputsOf(results);
  for (const Column &column : program.columns)
    facts.columns.push_back(column.name);
  for (const State &state : program.states)
    facts.states.push_back(state.name);
  for (Input input : facts.inputs) {
    facts.needsReference |= inputNeedsReference(input);
    facts.needsLengths |= input == Input::chosen_length || input == Input::rejected_length;
    facts.needsTokens |= isToken(inputExtent(input));
  }
  facts.operations = countOperations(program);
  Tape tape(program);
  facts.line = lineFacts(program, tape, parameters);
  for (size_t i = 0; i < std::size(kBoxes); ++i) {
    // Each box holds the one before, and so its witness.
    const bool refuted = i > 0 && facts.finiteOn[i - 1].verdict == Verdict::Refuted;
    facts.finiteOn[i] = refuted ? Finiteness{Verdict::Refuted, facts.finiteOn[i - 1].witness, 0}
                                : finitenessOn(program, tape, parameters, kBoxes[i]);
  }
  facts.degeneratesAtOne = degeneratesAtOne(program, tape, parameters);
  facts.nanRowsOfTen = nanRowsOfTen(program, parameters);
  return facts;
}

} // namespace disco::dsl::facts
