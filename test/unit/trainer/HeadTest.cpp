// The head against eager log-softmax: values, gradients, chunks and divergences.
#include "trainer/Head.h"
#include "Fixtures.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

namespace disco::trainer {
namespace {

TokenBatch randomBatch(size_t sequences, size_t length, int64_t vocabulary) {
  data::Random random(4, "head");
  static std::vector<Sequence> kept;
  kept.clear();
  for (size_t i = 0; i < sequences; ++i)
    kept.push_back(randomSequence(random, length + i, 2, vocabulary));
  std::vector<const Sequence *> list;
  for (const Sequence &sequence : kept)
    list.push_back(&sequence);
  return TokenBatch(list);
}

at::Tensor randomTensor(at::IntArrayRef sizes, uint64_t seed) {
  at::Tensor tensor = at::empty(sizes, at::kFloat);
  data::Random random(seed, "tensor");
  for (int64_t i = 0; i < tensor.numel(); ++i)
    tensor.mutable_data_ptr<float>()[i] = static_cast<float>(random.normal());
  return tensor;
}

/// The whole-matrix head in double: log_softmax, then the labels.
at::Tensor eagerHead(const at::Tensor &hidden, const at::Tensor &weight, const TokenBatch &batch) {
  at::Tensor logp = hidden.matmul(weight.t()).log_softmax(1);
  at::Tensor picked = logp.gather(1, batch.labels_M.unsqueeze(1)).squeeze(1);
  return at::zeros({batch.sequences}, logp.options()).index_add(0, batch.sequence_M, picked);
}

void compare(int64_t vocabulary, size_t sequences, size_t length) {
  TokenBatch batch = randomBatch(sequences, length, vocabulary);
  at::Tensor hidden = randomTensor({batch.labels_M.numel(), 8}, 1).requires_grad_(true);
  at::Tensor weight = randomTensor({vocabulary, 8}, 2).requires_grad_(true);
  at::Tensor hiddenDouble = hidden.detach().to(at::kDouble).requires_grad_(true);
  at::Tensor weightDouble = weight.detach().to(at::kDouble).requires_grad_(true);
  at::Tensor scale = at::linspace(-2, 1, batch.sequences);
  at::Tensor ours = sequenceLogps(hidden, weight, batch),
             theirs = eagerHead(hiddenDouble, weightDouble, batch);
  ours.backward(scale);
  theirs.backward(scale.to(at::kDouble));
  EXPECT_TRUE(at::allclose(ours.to(at::kDouble), theirs, 1e-5, 1e-4));
  EXPECT_TRUE(at::allclose(hidden.grad().to(at::kDouble), hiddenDouble.grad(), 1e-4, 1e-5));
  EXPECT_TRUE(at::allclose(weight.grad().to(at::kDouble), weightDouble.grad(), 1e-4, 1e-5));
}

TEST(Head, MatchesEagerAutograd) { compare(37, 3, 9); }

TEST(Head, MatchesEagerAutogradOverSeveralChunks) { compare(20011, 4, 40); }

/// KL(q || p) at each token and a mix of both gradients, against whole matrices in double.
void compareWithReference(int64_t vocabulary, size_t sequences, size_t length) {
  TokenBatch batch = randomBatch(sequences, length, vocabulary);
  int64_t count = batch.labels_M.numel();
  HeadInput policy{randomTensor({count, 8}, 1).requires_grad_(true),
                   randomTensor({vocabulary, 8}, 2).requires_grad_(true)};
  HeadInput reference{randomTensor({count, 8}, 3), randomTensor({vocabulary, 8}, 4)};
  auto doubled = [](const at::Tensor &tensor, bool leaf) {
    return tensor.detach().to(at::kDouble).requires_grad_(leaf);
  };
  at::Tensor hidden = doubled(policy.hidden_MD, true), weight = doubled(policy.weight_VD, true);
  at::Tensor p = hidden.matmul(weight.t()).log_softmax(1);
  at::Tensor q =
      doubled(reference.hidden_MD, false).matmul(doubled(reference.weight_VD, false).t());
  q = q.log_softmax(1);
  at::Tensor logps = p.gather(1, batch.labels_M.unsqueeze(1)).squeeze(1);
  at::Tensor kl = (q.exp() * (q - p)).sum(1);
  at::Tensor w = at::linspace(-2, 1, count, at::kDouble);
  at::Tensor u = at::linspace(3, -1, count, at::kDouble);
  TokenValues ours = tokenValues(policy, batch, &reference);
  EXPECT_TRUE(at::allclose(ours.logps_M.to(at::kDouble), logps, 1e-5, 1e-4));
  EXPECT_TRUE(at::allclose(ours.kl_M.to(at::kDouble), kl, 1e-5, 1e-4));
  (w * logps + u * kl).sum().backward();
  (w.to(at::kFloat) * ours.logps_M + u.to(at::kFloat) * ours.kl_M).sum().backward();
  EXPECT_TRUE(at::allclose(policy.hidden_MD.grad().to(at::kDouble), hidden.grad(), 1e-4, 1e-4));
  EXPECT_TRUE(at::allclose(policy.weight_VD.grad().to(at::kDouble), weight.grad(), 1e-4, 1e-4));
}

TEST(Head, DivergenceFromTheReferenceMatchesEagerAutograd) { compareWithReference(37, 3, 9); }

TEST(Head, DivergenceFromTheReferenceMatchesEagerAutogradOverSeveralChunks) {
  compareWithReference(20011, 4, 40);
}

TEST(Head, DivergenceOfAModelFromItselfIsZero) {
  TokenBatch batch = randomBatch(2, 8, 37);
  at::Tensor hidden = randomTensor({batch.labels_M.numel(), 8}, 1),
             weight = randomTensor({37, 8}, 2);
  auto [forward, backward] = tokenDivergences(hidden, weight, hidden, weight, batch);
  EXPECT_EQ(forward, 0);
  EXPECT_EQ(backward, 0);
}

TEST(Head, DivergencesAreTheSumsOverTheVocabulary) {
  TokenBatch batch = randomBatch(2, 8, 37);
  at::Tensor hidden = randomTensor({batch.labels_M.numel(), 8}, 1), p = randomTensor({37, 8}, 2),
             q = randomTensor({37, 8}, 3);
  auto distribution = [&](const at::Tensor &weight) {
    return hidden.to(at::kDouble).matmul(weight.to(at::kDouble).t()).softmax(1);
  };
  at::Tensor a = distribution(p), b = distribution(q);
  auto [forward, backward] = tokenDivergences(hidden, p, hidden, q, batch);
  EXPECT_NEAR(forward, (a * (a / b).log()).sum().item<double>(), 1e-3);
  EXPECT_NEAR(backward, (b * (b / a).log()).sum().item<double>(), 1e-3);
}

} // namespace
} // namespace disco::trainer
