// The forward half of a training, without order, gradient or update.
#include "trainer/EvaluatePairs.h"

#include "trainer/PairForward.h"
#include "trainer/StepValues.h"
#include "trainer/data/Task.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace disco::trainer {
Result<PairsResult> evaluatePairs(const std::string &run, const RunInfo &info, Objective &objective,
                                  const std::string &pairs) {
  const dsl::Program &program = objective.program();
  if (info.states.size() != program.states.size() || info.metrics.size() != program.metrics.size())
    return Error{run + "/run.json: " + std::to_string(info.states.size()) + " states and " +
                 std::to_string(info.metrics.size()) + " metrics, but its objective has " +
                 std::to_string(program.states.size()) + " and " +
                 std::to_string(program.metrics.size()) + "; train again"};
  auto task = data::loadTask(info.task);
  if (!task)
    return task.error();
  auto tokenizer = data::Tokenizer::load(task->paths.tokenizer());
  if (!tokenizer)
    return tokenizer.error();
  auto policy = loadModel(run + "/model");
  if (!policy)
    return policy.error();
  auto rows = data::readPreferencePairs(pairs, wantedColumns(program));
  if (!rows)
    return rows.error();
  TrainConfig all = info.train;
  all.max_pairs = 0;
  auto set = tokenizePairs(*rows, *tokenizer, all, configOf(**policy));
  if (!set)
    return Error{pairs + ": " + set.error().message};
  Needs needs = needsOf(program);
  ModelPtr reference;
  if (needs.referenceLogps() || needs.divergence()) {
    auto loaded = loadModel(task->paths.model());
    if (!loaded)
      return loaded.error();
    reference = std::move(*loaded);
  }
  if (needs.referenceLogps())
    computeReference(*reference, *set);

  at::NoGradGuard noGrad;
  PairsResult result{.pairs = set->pairs.size()};
  StepValues values(*set, needs);
  std::vector<size_t> indices(set->pairs.size());
  std::iota(indices.begin(), indices.end(), size_t{0});
  auto batch = static_cast<size_t>(info.train.pairsPerStep());
  double progress =
      info.steps > 0 ? static_cast<double>(info.steps - 1) / static_cast<double>(info.steps) : 0;
  for (size_t from = 0; from < indices.size(); from += batch) {
    auto some = std::span(indices).subspan(from, std::min(batch, indices.size() - from));
    values.begin(some, progress, info.states);
    TokenValues tokens =
        forwardPairs(**policy, needs.divergence() ? reference.get() : nullptr, *set, some);
    values.setPolicy(values.whole(), tokens.logps_M.const_data_ptr<float>(),
                     tokens.kl_M.defined() ? tokens.kl_M.const_data_ptr<float>() : nullptr);
    ObjectiveReport report;
    objective.report(values.inputs(values.whole()), report);
    for (size_t i = 0; i < some.size(); ++i) {
      result.loss += report.losses[i];
      result.rewardAccuracy += report.chosenRewards[i] > report.rejectedRewards[i];
      result.rewardMargin += report.chosenRewards[i] - report.rejectedRewards[i];
    }
    for (size_t i = 0; i < info.metrics.size(); ++i)
      result.metrics[info.metrics[i]] += report.metrics[i] * static_cast<double>(some.size());
  }
  auto count = static_cast<double>(result.pairs);
  result.loss /= count;
  result.rewardAccuracy /= count;
  result.rewardMargin /= count;
  for (auto &[name, value] : result.metrics)
    value /= count;
  return result;
}

std::string pairsCsvHeader() {
  return "loss,beta,seed,pairs,eval_loss,eval_accuracy,eval_margin\n";
}

std::string csvRow(const std::string &loss, double beta, uint64_t seed, const PairsResult &r) {
  char row[512];
  std::snprintf(row, sizeof row, "%s,%.9g,%llu,%zu,%.9g,%.9g,%.9g\n", loss.c_str(), beta,
                static_cast<unsigned long long>(seed), r.pairs, r.loss, r.rewardAccuracy,
                r.rewardMargin);
  return row;
}

} // namespace disco::trainer
