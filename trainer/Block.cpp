// Forward and backward of a transformer block. Equations, for one sequence: a = LN1(x); q, k, v = a
// W + b per head; o = softmax(q k^T / sqrt(d), causal) v; y = x + o P + p; z = y + gelu(LN2(y) F +
// f) G + g, gelu in its tanh form.
#include "trainer/Block.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace disco::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;

/// x W + b
at::Tensor linear(const at::Tensor &x_NI, const at::Tensor &weight_IO, const at::Tensor &bias_O) {
  return at::addmm(bias_O, x_NI, weight_IO);
}

/// residual + x W + b
at::Tensor linearOnto(const at::Tensor &residual_NO, const at::Tensor &x_NI,
                      const at::Tensor &weight_IO, const at::Tensor &bias_O) {
  return at::add(residual_NO, bias_O).addmm_(x_NI, weight_IO);
}

/// Query, key and value [B, H, T, D/H] as views of a padded [B, T, 3 D].
std::array<at::Tensor, 3> splitHeads(const at::Tensor &qkv_BTE, int64_t heads) {
  at::Tensor view =
      qkv_BTE.view({qkv_BTE.size(0), qkv_BTE.size(1), 3, heads, -1}).permute({2, 0, 3, 1, 4});
  return {view[0], view[1], view[2]};
}

/// What backward needs of forward; R is N or M.
struct Activations {
  at::Tensor mean1, rstd1, norm1_ND, qkv_BTE, attention_BHTd, logsumexp, attention_RD;
  at::Tensor y_RD, mean2, rstd2, norm2_RD, inner_RF, active_RF;

  std::array<at::Tensor *, 13> all() {
    return {&mean1, &rstd1, &norm1_ND, &qkv_BTE,  &attention_BHTd, &logsumexp, &attention_RD,
            &y_RD,  &mean2, &rstd2,    &norm2_RD, &inner_RF,       &active_RF};
  }
};

at::Tensor blockForward(const at::Tensor &x_ND, const BlockParameters &p, const BlockShape &shape,
                        const TokenBatch &batch, Rows rows, Activations &s) {
  int64_t width = x_ND.size(1);
  std::tie(s.norm1_ND, s.mean1, s.rstd1) =
      at::native_layer_norm(x_ND, {width}, p.ln1Weight_D, p.ln1Bias_D, shape.epsilon);
  s.qkv_BTE = batch.pad(linear(s.norm1_ND, p.attnWeight_DE, p.attnBias_E));
  auto [query, key, value] = splitHeads(s.qkv_BTE, shape.heads);
  std::tie(s.attention_BHTd, s.logsumexp) =
      at::_scaled_dot_product_flash_attention_for_cpu(query, key, value, 0, /*is_causal=*/true);
  s.attention_RD = batch.unpad(
      s.attention_BHTd.transpose(1, 2).reshape({batch.sequences, batch.longest, width}), rows);
  at::Tensor x_RD = rows == Rows::All ? x_ND : x_ND.index_select(0, batch.rows_M);
  s.y_RD = linearOnto(x_RD, s.attention_RD, p.projWeight_DD, p.projBias_D);
  std::tie(s.norm2_RD, s.mean2, s.rstd2) =
      at::native_layer_norm(s.y_RD, {width}, p.ln2Weight_D, p.ln2Bias_D, shape.epsilon);
  s.inner_RF = linear(s.norm2_RD, p.fcWeight_DF, p.fcBias_F);
  s.active_RF = at::gelu(s.inner_RF, "tanh");
  return linearOnto(s.y_RD, s.active_RF, p.outWeight_FD, p.outBias_D);
}

/// Gradients of the parameters in `d`, of x as the result.
at::Tensor blockBackward(const at::Tensor &dz_RD, const at::Tensor &x_ND, const BlockParameters &p,
                         const BlockShape &shape, const TokenBatch &batch, Rows rows,
                         const Activations &s, BlockParameters &d) {
  int64_t width = x_ND.size(1);
  d.outBias_D = dz_RD.sum(0);
  d.outWeight_FD = s.active_RF.t().mm(dz_RD);
  at::Tensor dInner_RF = dz_RD.mm(p.outWeight_FD.t());
  at::gelu_backward_out(dInner_RF, dInner_RF, s.inner_RF, "tanh");
  d.fcBias_F = dInner_RF.sum(0);
  d.fcWeight_DF = s.norm2_RD.t().mm(dInner_RF);
  at::Tensor dy_RD;
  std::tie(dy_RD, d.ln2Weight_D, d.ln2Bias_D) =
      at::native_layer_norm_backward(dInner_RF.mm(p.fcWeight_DF.t()), s.y_RD, {width}, s.mean2,
                                     s.rstd2, p.ln2Weight_D, p.ln2Bias_D, {true, true, true});
  dy_RD.add_(dz_RD);

  d.projBias_D = dy_RD.sum(0);
  d.projWeight_DD = s.attention_RD.t().mm(dy_RD);
  at::Tensor dAttention_BHTd = batch.unpadBackward(dy_RD.mm(p.projWeight_DD.t()), rows)
                                   .view({batch.sequences, batch.longest, shape.heads, -1})
                                   .transpose(1, 2);
  auto [query, key, value] = splitHeads(s.qkv_BTE, shape.heads);
  auto [dQuery, dKey, dValue] = at::_scaled_dot_product_flash_attention_for_cpu_backward(
      dAttention_BHTd, query, key, value, s.attention_BHTd, s.logsumexp, 0, /*is_causal=*/true);
  at::Tensor dQkv_NE = batch.padBackward(
      at::stack({dQuery.transpose(1, 2), dKey.transpose(1, 2), dValue.transpose(1, 2)}, 2)
          .view({batch.sequences, batch.longest, 3 * width}));
  d.attnBias_E = dQkv_NE.sum(0);
  d.attnWeight_DE = s.norm1_ND.t().mm(dQkv_NE);
  at::Tensor dx_ND;
  std::tie(dx_ND, d.ln1Weight_D, d.ln1Bias_D) =
      at::native_layer_norm_backward(dQkv_NE.mm(p.attnWeight_DE.t()), x_ND, {width}, s.mean1,
                                     s.rstd1, p.ln1Weight_D, p.ln1Bias_D, {true, true, true});
  if (rows == Rows::All)
    return dx_ND.add_(dy_RD);
  addRows(dx_ND, batch.rows_M, dy_RD);
  return dx_ND;
}

/// Keeps the batch alive between forward and backward; IValues hold only intrusive pointers.
struct BatchHolder : torch::CustomClassHolder {
  explicit BatchHolder(TokenBatch batch) : batch(std::move(batch)) {}
  TokenBatch batch;
};

struct BlockFunction : torch::autograd::Function<BlockFunction> {
  static Variable forward(AutogradContext *context, const Variable &x_ND, at::TensorList tensors,
                          const BlockShape &shape, const TokenBatch &batch, Rows rows) {
    BlockParameters parameters;
    for (size_t i = 0; i < tensors.size(); ++i)
      *parameters.all()[i] = tensors[i];
    Activations saved;
    at::Tensor z_ND = blockForward(x_ND, parameters, shape, batch, rows, saved);
    variable_list keep{x_ND};
    keep.insert(keep.end(), tensors.begin(), tensors.end());
    for (at::Tensor *tensor : saved.all())
      keep.push_back(*tensor);
    context->save_for_backward(std::move(keep));
    context->saved_data["heads"] = shape.heads;
    context->saved_data["epsilon"] = shape.epsilon;
    context->saved_data["rows"] = static_cast<int64_t>(rows);
    context->saved_data["batch"] =
        c10::IValue::make_capsule(c10::make_intrusive<BatchHolder>(batch));
    return z_ND;
  }

  static variable_list backward(AutogradContext *context, variable_list gradients) {
    variable_list saved = context->get_saved_variables();
    BlockParameters parameters, d;
    Activations activations;
    size_t next = 1;
    for (at::Tensor *tensor : parameters.all())
      *tensor = saved[next++];
    for (at::Tensor *tensor : activations.all())
      *tensor = saved[next++];
    BlockShape shape{context->saved_data["heads"].toInt(),
                     context->saved_data["epsilon"].toDouble()};
    auto holder =
        c10::static_intrusive_pointer_cast<BatchHolder>(context->saved_data["batch"].toCapsule());
    auto rows = static_cast<Rows>(context->saved_data["rows"].toInt());
    at::Tensor dx_ND = blockBackward(gradients[0], saved[0], parameters, shape, holder->batch, rows,
                                     activations, d);
    variable_list result{dx_ND};
    for (at::Tensor *tensor : d.all())
      result.push_back(*tensor);
    result.resize(result.size() + 3); // shape, batch and rows have no gradient
    return result;
  }
};

} // namespace

std::array<at::Tensor *, kBlockTensors.size()> BlockParameters::all() {
  return {&ln1Weight_D, &ln1Bias_D, &attnWeight_DE, &attnBias_E, &projWeight_DD, &projBias_D,
          &ln2Weight_D, &ln2Bias_D, &fcWeight_DF,   &fcBias_F,   &outWeight_FD,  &outBias_D};
}

at::Tensor applyBlock(const at::Tensor &x_ND, const BlockParameters &parameters,
                      const BlockShape &shape, const TokenBatch &batch, Rows rows) {
  if (!at::GradMode::is_enabled()) {
    Activations unused;
    return blockForward(x_ND, parameters, shape, batch, rows, unused);
  }
  variable_list tensors;
  for (at::Tensor *tensor : const_cast<BlockParameters &>(parameters).all())
    tensors.push_back(*tensor);
  return BlockFunction::apply(x_ND, at::TensorList(tensors), shape, batch, rows);
}

at::Tensor blockQkv(const at::Tensor &x_ND, const BlockParameters &p, const BlockShape &shape) {
  return linear(at::layer_norm(x_ND, {x_ND.size(1)}, p.ln1Weight_D, p.ln1Bias_D, shape.epsilon),
                p.attnWeight_DE, p.attnBias_E);
}

at::Tensor blockAfterAttention(const at::Tensor &x_ND, const at::Tensor &attention_ND,
                               const BlockParameters &p, const BlockShape &shape) {
  at::Tensor y_ND = linearOnto(x_ND, attention_ND, p.projWeight_DD, p.projBias_D);
  at::Tensor inner_NF =
      linear(at::layer_norm(y_ND, {y_ND.size(1)}, p.ln2Weight_D, p.ln2Bias_D, shape.epsilon),
             p.fcWeight_DF, p.fcBias_F);
  return linearOnto(y_ND, at::gelu(inner_NF, "tanh"), p.outWeight_FD, p.outBias_D);
}

} // namespace disco::trainer
