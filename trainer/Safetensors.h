// The safetensors file format: 8 bytes of header length (little-endian), a JSON header, the
// tensors' bytes. Reading is strict, for files come from anywhere: every size is checked before it
// is used, and the tensors must cover the data exactly.
#pragma once

#include "dsl/support/Result.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace disco::trainer {

struct SafetensorsLimits {
  static constexpr uint64_t headerBytes = 16
                                          << 20; // the format allows 100 MB; no model here needs it
  static constexpr size_t tensors = 65536;
  static constexpr size_t rank = 8;
};

struct TensorView {
  std::string name;
  std::string dtype; // "F32", "I64", ... as in the file
  std::vector<int64_t> shape;
  std::string_view bytes; // little-endian, row-major
};

struct SafetensorsFile {
  std::vector<TensorView> tensors;             // in the order of their bytes
  std::map<std::string, std::string> metadata; // `__metadata__`
  const TensorView *find(std::string_view name) const;
};

/// The views point into `bytes`, which must outlive them. `place` names the file in errors; each
/// error starts with `PLACE: ` and the upstream name of the fault, e.g. `InvalidHeaderLength`.
Result<SafetensorsFile> parseSafetensors(std::string_view bytes, const std::string &place);

/// The file with these tensors, byte for byte as the upstream writer lays it out: sorted by
/// alignment of the dtype, largest first, then by name; header padded with spaces to a multiple
/// of 8.
std::string writeSafetensors(std::vector<TensorView> tensors,
                             const std::map<std::string, std::string> &metadata = {});

} // namespace disco::trainer
