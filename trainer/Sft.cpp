// Fine-tuning as the special case of preference training with one completion and the mean token
// loss as objective: the same model, head, data order and optimiser.
#include "trainer/Sft.h"

#include "trainer/DataOrder.h"
#include "trainer/Gpt2Model.h"
#include "trainer/Head.h"
#include "trainer/Optimizer.h"

#include <ATen/ATen.h>

#include <cmath>

namespace disco::trainer {

Result<SftResult> fineTune(Gpt2Model &model, const std::vector<std::vector<int32_t>> &sequences,
                           const TrainConfig &config,
                           const std::function<void(const SftProgress &)> &progress,
                           const std::function<bool()> &stop) {
  std::vector<Sequence> rows;
  for (const std::vector<int32_t> &tokens : sequences)
    if (tokens.size() >= 2)
      rows.push_back({tokens, 1});
  if (rows.empty())
    return Error{"fine-tuning has no sequence of at least 2 tokens"};
  auto batchSize = static_cast<size_t>(
      std::min<int64_t>(config.pairsPerStep(), static_cast<int64_t>(rows.size())));
  DataOrder order(rows.size(), batchSize, config.seed);
  Optimizer optimizer(model.named(), config);
  SftResult result;
  int64_t steps =
      config.max_steps > 0
          ? config.max_steps
          : std::max<int64_t>(1, std::llround(config.num_train_epochs *
                                              static_cast<double>(order.stepsPerEpoch())));
  for (int64_t step = 0; step < steps; ++step) {
    if (stop && stop())
      return Error{"fine-tuning was stopped at step " + std::to_string(step)};
    std::vector<const Sequence *> list;
    for (size_t index : order.step(static_cast<size_t>(step)))
      list.push_back(&rows[index]);
    TokenBatch batch(list);
    auto tokens = static_cast<double>(batch.rows_M.numel());
    at::Tensor logps_B = sequenceLogps(model.hidden(batch), model.wte_VD, batch);
    double loss = -logps_B.detach().sum(at::kDouble).item<double>() / tokens;
    logps_B.backward(at::full_like(logps_B, -1 / tokens));
    double norm = optimizer.gradientNorm();
    if (!std::isfinite(loss) || !std::isfinite(norm)) {
      optimizer.zeroGradients();
      return Error{"the loss or gradient of fine-tuning is not finite at step " +
                   std::to_string(step)};
    }
    optimizer.step(config.learningRate(step, steps), norm);
    if (step == 0)
      result.firstLoss = result.lastLoss = loss;
    result.lastLoss += 0.05 * (loss - result.lastLoss);
    result.tokens += batch.rows_M.numel();
    result.steps = step + 1;
    if (progress)
      progress({step, steps, loss});
  }
  return result;
}

std::vector<std::vector<int32_t>> packTexts(const std::vector<std::string> &texts,
                                            const data::Tokenizer &tokenizer, int64_t length,
                                            bool separate) {
  auto rowTokens = static_cast<size_t>(length + 1);
  std::vector<std::vector<int32_t>> rows;
  std::vector<int32_t> stream{tokenizer.endOfText()};
  for (const std::string &text : texts) {
    std::vector<int32_t> tokens = tokenizer.encode(text);
    tokens.push_back(tokenizer.endOfText());
    if (separate) {
      tokens.resize(std::min(tokens.size(), rowTokens));
      rows.push_back(std::move(tokens));
      continue;
    }
    stream.insert(stream.end(), tokens.begin(), tokens.end());
  }
  // Rows share one token: the last label of a row is the first context of the next.
  for (size_t from = 0; !separate && from + 1 < stream.size(); from += static_cast<size_t>(length))
    rows.emplace_back(stream.begin() + static_cast<ptrdiff_t>(from),
                      stream.begin() +
                          static_cast<ptrdiff_t>(std::min(stream.size(), from + rowTokens)));
  return rows;
}

} // namespace disco::trainer
