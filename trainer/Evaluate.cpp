// Sampling, judging and the exact divergences.
#include "trainer/Evaluate.h"

#include "trainer/Gpt2Model.h"
#include "trainer/Head.h"
#include "trainer/Sampler.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <cstdio>

namespace disco::trainer {
namespace {

constexpr size_t kBatch = 64; // sequences of a forward pass

} // namespace

Result<EvalSetup> loadEvalSetup(const data::Task &task, const std::string &prompts,
                                int64_t maxPrompts) {
  auto tokenizer = data::Tokenizer::load(task.paths.tokenizer());
  if (!tokenizer)
    return tokenizer.error();
  auto reference = loadModel(task.paths.model());
  if (!reference)
    return reference.error();
  auto reward = data::LinearScorer::load(task.paths.reward());
  if (!reward)
    return reward.error();
  auto judge = data::LinearScorer::load(task.paths.judge());
  if (!judge)
    return judge.error();
  auto list = data::readPrompts(task.paths.prompts(prompts));
  if (!list)
    return list.error();
  if (list->empty())
    return Error{task.paths.prompts(prompts) + ": no prompts"};
  if (maxPrompts > 0 && list->size() > static_cast<size_t>(maxPrompts))
    list->resize(static_cast<size_t>(maxPrompts));
  return EvalSetup{std::move(*tokenizer), std::move(*reference), std::move(*reward),
                   std::move(*judge),     std::move(*list),      task.completionTokens,
                   task.temperature};
}

Result<EvalResult> evaluate(const Gpt2Model &policy, const EvalSetup &setup,
                            const EvalConfig &config) {
  at::NoGradGuard noGrad;
  std::vector<SampleRequest> requests;
  for (const data::Prompt &prompt : setup.prompts)
    for (int64_t i = 0; i < config.samples; ++i)
      requests.push_back({setup.tokenizer.encode(prompt.text), static_cast<uint64_t>(prompt.id),
                          static_cast<uint64_t>(i)});
  auto completions =
      sampleCompletions(policy, requests, {config.seed, setup.completionTokens, setup.temperature});

  EvalResult result;
  result.completions = completions.size();
  std::vector<Sequence> sequences;
  double tokens = 0;
  auto longest = static_cast<size_t>(
      std::min(policy.config.n_positions, setup.reference->config.n_positions) + 1);
  for (size_t i = 0; i < completions.size(); ++i) {
    const std::string &prompt = setup.prompts[i / static_cast<size_t>(config.samples)].text;
    std::string text = prompt + setup.tokenizer.decode(completions[i]);
    result.reward += setup.reward.probability(text);
    result.judge += setup.judge.probability(text);
    tokens += static_cast<double>(completions[i].size());

    std::vector<int32_t> context = requests[i].prompt;
    if (context.empty())
      context.push_back(static_cast<int32_t>(policy.config.eos_token_id));
    // The sampler dropped the beginning of a prompt that left no room; score under the same
    // context.
    size_t room = longest - std::min(longest - 1, static_cast<size_t>(setup.completionTokens));
    if (context.size() > room)
      context.erase(context.begin(), context.end() - static_cast<ptrdiff_t>(room));
    Sequence sequence{std::move(context), 0};
    sequence.scoredFrom = static_cast<int64_t>(sequence.tokens.size());
    sequence.tokens.insert(sequence.tokens.end(), completions[i].begin(), completions[i].end());
    sequences.push_back(std::move(sequence));
  }
  for (size_t from = 0; from < sequences.size(); from += kBatch) {
    std::vector<const Sequence *> list;
    for (size_t i = from; i < std::min(sequences.size(), from + kBatch); ++i)
      list.push_back(&sequences[i]);
    TokenBatch batch(list);
    auto [forward, backward] =
        tokenDivergences(policy.hidden(batch), policy.wte_VD, setup.reference->hidden(batch),
                         setup.reference->wte_VD, batch);
    result.klPolicyReference += forward;
    result.klReferencePolicy += backward;
  }
  auto count = static_cast<double>(completions.size());
  result.reward /= count;
  result.judge /= count;
  result.completionLength = tokens / count;
  result.klPolicyReference /= tokens;
  result.klReferencePolicy /= tokens;
  if (!std::isfinite(result.klPolicyReference) || !std::isfinite(result.klReferencePolicy))
    return Error{"the policy's divergence from the reference is not finite"};
  return result;
}

std::string csvHeader() {
  return "loss,beta,reward,kl_divergence,seed,judge,kl_policy_reference,kl_reference_policy,"
         "completion_length\n";
}

std::string csvRow(const std::string &loss, double beta, uint64_t seed, const EvalResult &r) {
  char row[512];
  // kl_divergence repeats KL(reference || policy), so that tools for the published curve read ours.
  std::snprintf(row, sizeof row, "%s,%.9g,%.9g,%.9g,%llu,%.9g,%.9g,%.9g,%.9g\n", loss.c_str(), beta,
                r.reward, r.klReferencePolicy, static_cast<unsigned long long>(seed), r.judge,
                r.klPolicyReference, r.klReferencePolicy, r.completionLength);
  return row;
}

} // namespace disco::trainer
