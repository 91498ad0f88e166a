// A block, forward and backward, against the same mathematics written with eager autograd; and that
// computing only the scored rows changes nothing.
#include "EagerGpt2.h"
#include "Fixtures.h"
#include "trainer/Head.h"

#include <gtest/gtest.h>

namespace disco::trainer {
namespace {

/// Log-probabilities and all parameter gradients of ours against eager autograd in double.
void compareWithEager(const std::vector<Sequence> &sequences) {
  ModelPtr model = createModel(smallConfig(), 3);
  std::vector<at::Tensor> doubles;
  for (auto &[name, tensor] : model->named()) {
    // Biases and norms away from 0 and 1, so that a mistake in them shows.
    at::NoGradGuard noGrad;
    if (tensor.dim() == 1)
      tensor.add_(at::linspace(-0.3, 0.4, tensor.numel()));
    doubles.push_back(tensor.detach().to(at::kDouble).requires_grad_(true));
  }
  std::vector<const Sequence *> list;
  for (const Sequence &sequence : sequences)
    list.push_back(&sequence);
  TokenBatch batch(list);
  at::Tensor logps_B = sequenceLogps(model->hidden(batch), model->wte_VD, batch);
  at::Tensor weight_B = at::linspace(-1, 2, batch.sequences);
  logps_B.backward(weight_B);
  at::Tensor total = at::zeros({}, at::kDouble);
  for (int64_t b = 0; b < batch.sequences; ++b) {
    at::Tensor expected = eagerLogp(model->config, doubles, sequences[static_cast<size_t>(b)]);
    EXPECT_NEAR(logps_B[b].item<float>(), expected.item<double>(), 1e-4) << "sequence " << b;
    total = total + weight_B[b].item<float>() * expected;
  }
  total.backward();
  size_t i = 0;
  for (auto &[name, tensor] : model->named()) {
    at::Tensor expected = doubles[i++].grad();
    double scale = expected.abs().max().item<double>() + 1e-3;
    EXPECT_LT((tensor.grad().to(at::kDouble) - expected).abs().max().item<double>() / scale, 1e-4)
        << name;
  }
}

TEST(Block, GradientsOfRaggedSequencesMatchEagerAutograd) {
  data::Random random(1, "ragged");
  compareWithEager({randomSequence(random, 9, 4), randomSequence(random, 17, 1),
                    randomSequence(random, 2, 1), randomSequence(random, 25, 24)});
}

TEST(Block, GradientsOfEqualSequencesMatchEagerAutograd) {
  data::Random random(2, "equal");
  compareWithEager({randomSequence(random, 12, 4), randomSequence(random, 12, 6),
                    randomSequence(random, 12, 1)});
}

TEST(Block, GradientsOfSequencesThatShareTheirContextMatchEagerAutograd) {
  data::Random random(4, "shared");
  Sequence first = randomSequence(random, 14, 6), second = first,
           other = randomSequence(random, 9, 6);
  for (size_t i = 6; i < second.tokens.size(); ++i)
    second.tokens[i] = (second.tokens[i] + 1) % 36;
  second.tokens.resize(11);
  const Sequence *list[] = {&first, &other, &second};
  EXPECT_EQ(TokenBatch(list).tokens_N.numel(), 13 + 8 + 10 - 6);
  compareWithEager({first, other, second});
}

TEST(Block, WithoutGradientTheResultIsBitwiseTheSame) {
  data::Random random(3, "same");
  Sequence a = randomSequence(random, 11, 3), b = randomSequence(random, 7, 2);
  std::vector<const Sequence *> list{&a, &b};
  TokenBatch batch(list);
  ModelPtr model = createModel(smallConfig(), 3);
  at::Tensor withGraph = sequenceLogps(model->hidden(batch), model->wte_VD, batch).detach();
  at::NoGradGuard noGrad;
  EXPECT_TRUE(at::equal(withGraph, sequenceLogps(model->hidden(batch), model->wte_VD, batch)));
}

} // namespace
} // namespace disco::trainer
