// A model's directory in Hugging Face's layout.
#include "trainer/ModelFiles.h"

#include "trainer/Gpt2Model.h"
#include "trainer/Safetensors.h"
#include "trainer/data/AtomicFile.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cstring>

namespace disco::trainer {

std::string tensorsToBytes(const NamedTensors &tensors) {
  std::vector<TensorView> views;
  for (const auto &[name, tensor] : tensors) {
    TORCH_INTERNAL_ASSERT(tensor.is_contiguous() && tensor.scalar_type() == at::kFloat);
    views.push_back({name,
                     "F32",
                     tensor.sizes().vec(),
                     {static_cast<const char *>(tensor.const_data_ptr()), tensor.nbytes()}});
  }
  return writeSafetensors(std::move(views), {{"format", "pt"}});
}

Result<void> tensorsFromBytes(std::string_view bytes, const std::string &place,
                              const NamedTensors &tensors, const std::string &prefix) {
  auto file = parseSafetensors(bytes, place);
  if (!file)
    return file.error();
  for (const auto &[name, tensor] : tensors) {
    const TensorView *view = file->find(name);
    if (!view && !prefix.empty())
      view = file->find(prefix + name);
    if (!view)
      return Error{place + ": tensor `" + name + "` is missing"};
    if (view->dtype != "F32")
      return Error{place + ": tensor `" + name + "` is " + view->dtype + ", only F32 is supported"};
    if (tensor.sizes() != at::IntArrayRef(view->shape))
      return Error{place + ": tensor `" + name + "` has another shape than config.json says"};
    std::memcpy(tensor.mutable_data_ptr(), view->bytes.data(), view->bytes.size());
  }
  return {};
}

Result<ModelPtr> loadModel(const std::string &directory) {
  std::string configPath = directory + "/config.json",
              weightsPath = directory + "/model.safetensors";
  auto text = data::readFile(configPath, 1 << 20);
  if (!text)
    return text.error();
  auto config = configFromJson(*text, configPath);
  if (!config)
    return config.error();
  // Read before the tensors are allocated: a config that promises more than the file holds costs
  // nothing.
  auto bytes = data::readFile(weightsPath);
  if (!bytes)
    return bytes.error();
  if (bytes->size() < static_cast<uint64_t>(config->parameterCount()) * sizeof(float))
    return Error{weightsPath + ": smaller than the model that config.json describes"};
  auto model = std::make_shared<Gpt2Model>(*config);
  at::NoGradGuard noGrad;
  if (auto ok = tensorsFromBytes(*bytes, weightsPath, model->named(), "transformer."); !ok)
    return ok.error();
  return model;
}

Result<void> saveModel(const Gpt2Model &model, const data::Tokenizer &tokenizer,
                       const std::string &directory) {
  if (auto ok = data::createFolders(directory); !ok)
    return ok;
  NamedTensors tensors;
  for (auto &[name, tensor] : model.named())
    tensors.emplace_back("transformer." + name, tensor.detach());
  if (auto ok =
          data::writeFileAtomically(directory + "/model.safetensors", tensorsToBytes(tensors));
      !ok)
    return ok;
  if (auto ok = tokenizer.save(directory + "/tokenizer.json"); !ok)
    return ok;
  std::string eos = std::to_string(model.config.eos_token_id);
  if (auto ok = data::writeFileAtomically(
          directory + "/generation_config.json",
          "{\n  \"bos_token_id\": " + eos +
              ",\n  \"do_sample\": true,\n  \"eos_token_id\": " + eos + "\n}\n");
      !ok)
    return ok;
  return data::writeFileAtomically(directory + "/config.json", toJson(model.config));
}

} // namespace disco::trainer
