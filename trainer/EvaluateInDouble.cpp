#include "trainer/EvaluateInDouble.h"

#include "dsl/Dsl.h"

#include <cassert>
#include <limits>
#include <list>

namespace disco::trainer {

namespace {

/// The array of that name; where the batch lacks a column, its default, kept in `filled`.
const void *arrayOf(const dsl::Program &program, const dsl::Batch &batch, const std::string &name,
                    std::list<std::vector<double>> &filled) {
  if (name == runtime::kChosenOffsets)
    return batch.chosenOffsets.data();
  if (name == runtime::kRejectedOffsets)
    return batch.rejectedOffsets.data();
  if (const auto input = dsl::inputByName(name))
    return batch.columns[size_t(*input)].data();
  size_t column = 0;
  while (column < program.columns.size() && program.columns[column].name != name)
    ++column;
  assert(column < program.columns.size() && "a kernel reads what the objective does not have");
  if (column < batch.dataColumns.size() && !batch.dataColumns[column].empty())
    return batch.dataColumns[column].data();
  return filled.emplace_back(batch.pairs, *program.columns[column].defaultValue).data();
}

} // namespace

dsl::Evaluation evaluateInDouble(const dsl::Program &program, const runtime::HostKernel &kernel,
                                 const dsl::Batch &batch, std::span<const double> parameters) {
  std::list<std::vector<double>> filled;
  std::vector<const void *> inputs;
  for (const std::string &name : kernel.signature.inputs)
    inputs.push_back(arrayOf(program, batch, name, filled));
  std::vector<double> numbers(parameters.begin(), parameters.end());
  const std::vector<double> initial = dsl::initialStates(program, parameters);
  const std::span<const double> states = batch.states.empty() ? initial : batch.states;
  numbers.insert(numbers.end(), states.begin(), states.end());
  numbers.push_back(batch.progress);

  dsl::Evaluation out;
  if (!program.states.empty())
    dsl::Interpreter(program).evaluate(batch, parameters, out, dsl::Precision::Double,
                                       {.gradients = false, .reports = false, .loss = false});
  for (size_t i = 0; i < dsl::kInputCount; ++i)
    out.gradients[i].assign(dsl::inputHasGradient(dsl::Input(i)) ? batch.columns[i].size() : 0,
                            0.0);
  std::vector<double *> gradients;
  for (const std::string &name : kernel.signature.gradients)
    gradients.push_back(out.gradients[size_t(*dsl::inputByName(name))].data());
  const auto pairs = int64_t(batch.pairs);
  kernel.gradient(inputs.data(), numbers.data(), pairs, &out.loss, gradients.data());
  for (std::vector<double> *values : {&out.losses, &out.chosenRewards, &out.rejectedRewards})
    values->resize(batch.pairs);
  out.metrics.assign(program.metrics.size(), std::numeric_limits<double>::quiet_NaN());
  double *rewards[] = {out.chosenRewards.data(), out.rejectedRewards.data()};
  kernel.report(inputs.data(), numbers.data(), pairs, out.losses.data(), rewards,
                out.metrics.data());
  return out;
}

} // namespace disco::trainer
