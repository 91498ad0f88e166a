// Tensors by name to and from safetensors files; shared by models and checkpoints.
#pragma once

#include "dsl/support/Result.h"

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace disco::trainer {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Float32 tensors as one safetensors file.
std::string tensorsToBytes(const NamedTensors &tensors);
/// Overwrites the given tensors with the file's, which must have all of them, as float32 in the
/// same shapes. The file may write a name with `prefix` before it, and may have other tensors.
Result<void> tensorsFromBytes(std::string_view bytes, const std::string &place,
                              const NamedTensors &tensors, const std::string &prefix = {});

} // namespace disco::trainer
