// Construction, initial weights and forward of the model; files are in ModelFiles.cpp.
#include "trainer/Gpt2Model.h"

#include "trainer/data/ContentHash.h"
#include "trainer/data/Random.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <malloc.h>

#include <cmath>

namespace disco::trainer {

Gpt2Model::Gpt2Model(const Gpt2Config &shape) : config(shape) {
  auto leaf = [](at::IntArrayRef sizes) {
    return at::empty(sizes, at::kFloat).requires_grad_(true);
  };
  int64_t d = config.n_embd;
  wte_VD = leaf({config.vocab_size, d});
  wpe_PD = leaf({config.n_positions, d});
  for (int64_t i = 0; i < config.n_layer; ++i)
    blocks.push_back({leaf({d}), leaf({d}), leaf({d, 3 * d}), leaf({3 * d}), leaf({d, d}),
                      leaf({d}), leaf({d}), leaf({d}), leaf({d, 4 * d}), leaf({4 * d}),
                      leaf({4 * d, d}), leaf({d})});
  lnfWeight_D = leaf({d});
  lnfBias_D = leaf({d});
}

std::vector<std::pair<std::string, at::Tensor>> Gpt2Model::named() const {
  std::vector<std::pair<std::string, at::Tensor>> list{{"wte.weight", wte_VD},
                                                       {"wpe.weight", wpe_PD}};
  for (size_t i = 0; i < blocks.size(); ++i) {
    auto tensors = const_cast<BlockParameters &>(blocks[i]).all();
    for (size_t j = 0; j < tensors.size(); ++j)
      list.emplace_back("h." + std::to_string(i) + "." + kBlockTensors[j], *tensors[j]);
  }
  list.emplace_back("ln_f.weight", lnfWeight_D);
  list.emplace_back("ln_f.bias", lnfBias_D);
  return list;
}

at::Tensor Gpt2Model::hidden(const TokenBatch &batch) const {
  at::Tensor x_ND =
      at::embedding(wte_VD, batch.tokens_N) + at::embedding(wpe_PD, batch.positions_N);
  for (const BlockParameters &block : blocks)
    x_ND = applyBlock(x_ND, block, blockShape(), batch,
                      &block == &blocks.back() ? Rows::Scored : Rows::All);
  return at::layer_norm(x_ND, {config.n_embd}, lnfWeight_D, lnfBias_D, config.layer_norm_epsilon);
}

ModelPtr createModel(const Gpt2Config &config, uint64_t seed) {
  auto model = std::make_shared<Gpt2Model>(config);
  at::NoGradGuard noGrad;
  for (auto &[name, tensor] : model->named()) {
    bool isNorm = name.find("ln_") != std::string::npos;
    if (name.ends_with("bias"))
      tensor.zero_();
    else if (isNorm)
      tensor.fill_(1);
    else {
      // GPT-2 scales the projections that write to the residual stream, of which there are two a
      // layer.
      double deviation =
          config.initializer_range *
          (name.ends_with("c_proj.weight") ? 1 / std::sqrt(2.0 * config.n_layer) : 1);
      data::Random random(seed, "init/" + name);
      float *values = tensor.mutable_data_ptr<float>();
      for (int64_t i = 0; i < tensor.numel(); ++i)
        values[i] = static_cast<float>(deviation * random.normal());
    }
  }
  return model;
}

const Gpt2Config &configOf(const Gpt2Model &model) { return model.config; }

std::string contentHash(const Gpt2Model &model) {
  data::ContentHash hash;
  hash.add(toJson(model.config));
  for (const auto &[name, tensor] : model.named())
    hash.add(name).add({static_cast<const char *>(tensor.const_data_ptr()), tensor.nbytes()});
  return hash.hex();
}

void prepareProcess(int threads) {
  at::set_num_threads(threads);
  at::globalContext().setFlushDenormal(true);
  // By default glibc returns buffers of activations to the system on every free, and the next step
  // faults them in again.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
}

} // namespace disco::trainer
