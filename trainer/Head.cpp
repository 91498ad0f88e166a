// Schedule: the model gives scored rows only, so prompt tokens cost nothing. Rows go through in
// chunks whose logits stay in the cache. When all chunks together are small their log-softmax is
// kept for backward, otherwise it is computed again there. With w_s = dJ/dlogp of sequence s,
// dlogits_t = w_s (onehot(label_t) - softmax_t).
#include "trainer/Head.h"

#include "trainer/TokenBatch.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace disco::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// Of logits; about the size of two cores' second-level caches.
constexpr int64_t kChunkBytes = int64_t{4} << 20;
/// Of log-softmax kept between forward and backward.
constexpr int64_t kKeepBytes = int64_t{256} << 20;

int64_t chunkRows(int64_t vocabulary) {
  return std::max<int64_t>(64, kChunkBytes / (vocabulary * static_cast<int64_t>(sizeof(float))));
}

at::Tensor logSoftmax(const at::Tensor &rows_RD, const at::Tensor &weight_VD) {
  return at::log_softmax(rows_RD.mm(weight_VD.t()), 1);
}

at::Tensor pickLabels(const at::Tensor &logp_RV, const at::Tensor &labels_R) {
  return logp_RV.gather(1, labels_R.unsqueeze(1)).squeeze(1);
}

struct HeadFunction : torch::autograd::Function<HeadFunction> {
  static Variable forward(AutogradContext *context, const Variable &hidden_MD,
                          const Variable &weight_VD, const at::Tensor &labels_M,
                          const at::Tensor &sequence_M, int64_t sequences) {
    int64_t count = labels_M.size(0), step = chunkRows(weight_VD.size(0));
    bool keep = count * weight_VD.size(0) * static_cast<int64_t>(sizeof(float)) <= kKeepBytes;
    at::Tensor logps_B = at::zeros({sequences}, hidden_MD.options());
    variable_list saved{hidden_MD, weight_VD, labels_M, sequence_M};
    for (int64_t from = 0; from < count; from += step) {
      int64_t to = std::min(count, from + step);
      at::Tensor logp_RV = logSoftmax(hidden_MD.slice(0, from, to), weight_VD);
      logps_B.index_add_(0, sequence_M.slice(0, from, to),
                         pickLabels(logp_RV, labels_M.slice(0, from, to)));
      if (keep)
        saved.push_back(logp_RV);
    }
    context->save_for_backward(std::move(saved));
    return logps_B;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    constexpr size_t kInputs = 4;
    variable_list saved = context->get_saved_variables();
    const at::Tensor &hidden_MD = saved[0], &weight_VD = saved[1], &labels_M = saved[2];
    bool kept = saved.size() > kInputs;
    at::Tensor scale_M = gradients[0].index_select(0, saved[3]);
    int64_t count = labels_M.size(0), step = chunkRows(weight_VD.size(0));
    at::Tensor dHidden_MD = at::empty_like(hidden_MD), dWeight_VD = at::zeros_like(weight_VD);
    for (int64_t from = 0, chunk = 0; from < count; from += step, ++chunk) {
      int64_t to = std::min(count, from + step);
      at::Tensor chunk_RD = hidden_MD.slice(0, from, to);
      at::Tensor dLogits_RV = kept ? saved[kInputs + chunk] : logSoftmax(chunk_RD, weight_VD);
      at::Tensor scale_R1 = scale_M.slice(0, from, to).unsqueeze(1);
      dLogits_RV.exp_().mul_(scale_R1.neg());
      dLogits_RV.scatter_add_(1, labels_M.slice(0, from, to).unsqueeze(1), scale_R1);
      at::Tensor dChunk_RD = dHidden_MD.slice(0, from, to);
      at::mm_out(dChunk_RD, dLogits_RV, weight_VD);
      dWeight_VD.addmm_(dLogits_RV.t(), chunk_RD);
    }
    return {dHidden_MD, dWeight_VD, {}, {}, {}};
  }
};

} // namespace

at::Tensor sequenceLogps(const at::Tensor &hidden_MD, const at::Tensor &weight_VD,
                         const TokenBatch &batch) {
  if (at::GradMode::is_enabled())
    return HeadFunction::apply(hidden_MD, weight_VD, batch.labels_M, batch.sequence_M,
                               batch.sequences);
  at::Tensor logps_B = at::zeros({batch.sequences}, hidden_MD.options());
  return logps_B.index_add_(0, batch.sequence_M, tokenLogps(hidden_MD, weight_VD, batch));
}

at::Tensor tokenLogps(const at::Tensor &hidden_MD, const at::Tensor &weight_VD,
                      const TokenBatch &batch) {
  at::NoGradGuard noGrad;
  int64_t count = batch.labels_M.size(0), step = chunkRows(weight_VD.size(0));
  at::Tensor logps_M = at::empty({count}, hidden_MD.options());
  for (int64_t from = 0; from < count; from += step) {
    int64_t to = std::min(count, from + step);
    logps_M.slice(0, from, to)
        .copy_(pickLabels(logSoftmax(hidden_MD.slice(0, from, to), weight_VD),
                          batch.labels_M.slice(0, from, to)));
  }
  return logps_M;
}

std::pair<double, double> tokenDivergences(const at::Tensor &pHidden_MD,
                                           const at::Tensor &pWeight_VD,
                                           const at::Tensor &qHidden_MD,
                                           const at::Tensor &qWeight_VD, const TokenBatch &batch) {
  at::NoGradGuard noGrad;
  int64_t count = batch.labels_M.size(0), step = chunkRows(pWeight_VD.size(0));
  double forward = 0, backward = 0;
  for (int64_t from = 0; from < count; from += step) {
    int64_t to = std::min(count, from + step);
    at::Tensor logP_RV = logSoftmax(pHidden_MD.slice(0, from, to), pWeight_VD);
    at::Tensor logQ_RV = logSoftmax(qHidden_MD.slice(0, from, to), qWeight_VD);
    at::Tensor difference_RV = logP_RV - logQ_RV;
    forward += logP_RV.exp_().mul_(difference_RV).sum(at::kDouble).item<double>();
    backward -= logQ_RV.exp_().mul_(difference_RV).sum(at::kDouble).item<double>();
  }
  return {forward, backward};
}

} // namespace disco::trainer
