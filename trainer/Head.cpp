// Schedule: the model gives scored rows only, so prompt tokens cost nothing. Rows go through in
// chunks whose logits stay in the cache. When all chunks together are small their log-softmax is
// kept for backward, otherwise it is computed again there. With p the policy's distribution at a
// position, q the reference's, w = dJ/dlogp and u = dJ/dKL(q || p):
//   dlogits = w (onehot(label) - p) + u (p - q)
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
  /// The log-probabilities, and with a reference (else its tensors are undefined) the divergences.
  static variable_list forward(AutogradContext *context, const Variable &hidden_MD,
                               const Variable &weight_VD, const HeadInput &reference,
                               const at::Tensor &labels_M, bool forBackward) {
    bool withKl = reference.hidden_MD.defined();
    int64_t count = labels_M.size(0), step = chunkRows(weight_VD.size(0));
    bool keep = forBackward &&
                count * weight_VD.size(0) * static_cast<int64_t>(sizeof(float)) <= kKeepBytes;
    TokenValues out{at::empty({count}, hidden_MD.options()), {}};
    if (withKl)
      out.kl_M = at::empty_like(out.logps_M);
    variable_list saved{hidden_MD, weight_VD, reference.hidden_MD, reference.weight_VD, labels_M};
    for (int64_t from = 0; from < count; from += step) {
      int64_t to = std::min(count, from + step);
      at::Tensor logp_RV = logSoftmax(hidden_MD.slice(0, from, to), weight_VD);
      out.logps_M.slice(0, from, to).copy_(pickLabels(logp_RV, labels_M.slice(0, from, to)));
      if (withKl) {
        at::Tensor logq_RV =
            logSoftmax(reference.hidden_MD.slice(0, from, to), reference.weight_VD);
        at::Tensor difference_RV = logq_RV - logp_RV;
        out.kl_M.slice(0, from, to).copy_(logq_RV.exp_().mul_(difference_RV).sum(1));
      }
      if (keep)
        saved.push_back(logp_RV);
    }
    context->save_for_backward(std::move(saved));
    return withKl ? variable_list{out.logps_M, out.kl_M} : variable_list{out.logps_M};
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    constexpr size_t kInputs = 5;
    variable_list saved = context->get_saved_variables();
    const at::Tensor &hidden_MD = saved[0], &weight_VD = saved[1], &qHidden_MD = saved[2],
                     &qWeight_VD = saved[3], &labels_M = saved[4];
    bool kept = saved.size() > kInputs, withKl = qHidden_MD.defined();
    at::Tensor w_M1 = gradients[0].unsqueeze(1), u_M1;
    if (withKl)
      u_M1 = gradients[1].unsqueeze(1);
    at::Tensor onPolicy_M1 = withKl ? u_M1 - w_M1 : w_M1.neg();
    int64_t count = labels_M.size(0), step = chunkRows(weight_VD.size(0));
    at::Tensor dHidden_MD = at::empty_like(hidden_MD), dWeight_VD = at::zeros_like(weight_VD);
    for (int64_t from = 0, chunk = 0; from < count; from += step, ++chunk) {
      int64_t to = std::min(count, from + step);
      at::Tensor chunk_RD = hidden_MD.slice(0, from, to);
      at::Tensor dLogits_RV = kept ? saved[kInputs + chunk] : logSoftmax(chunk_RD, weight_VD);
      dLogits_RV.exp_().mul_(onPolicy_M1.slice(0, from, to));
      dLogits_RV.scatter_add_(1, labels_M.slice(0, from, to).unsqueeze(1), w_M1.slice(0, from, to));
      if (withKl)
        dLogits_RV.sub_(logSoftmax(qHidden_MD.slice(0, from, to), qWeight_VD)
                            .exp_()
                            .mul_(u_M1.slice(0, from, to)));
      at::Tensor dChunk_RD = dHidden_MD.slice(0, from, to);
      at::mm_out(dChunk_RD, dLogits_RV, weight_VD);
      dWeight_VD.addmm_(dLogits_RV.t(), chunk_RD);
    }
    return {dHidden_MD, dWeight_VD, {}, {}, {}};
  }
};

} // namespace

TokenValues tokenValues(const HeadInput &policy, const TokenBatch &batch,
                        const HeadInput *reference) {
  variable_list out =
      HeadFunction::apply(policy.hidden_MD, policy.weight_VD, reference ? *reference : HeadInput{},
                          batch.labels_M, at::GradMode::is_enabled());
  return {out[0], reference ? out[1] : at::Tensor()};
}

at::Tensor sequenceLogps(const at::Tensor &hidden_MD, const at::Tensor &weight_VD,
                         const TokenBatch &batch) {
  return at::zeros({batch.sequences}, hidden_MD.options())
      .index_add(0, batch.sequence_M, tokenValues({hidden_MD, weight_VD}, batch).logps_M);
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
