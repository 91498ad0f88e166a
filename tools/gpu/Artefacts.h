// The lane's folder of artefacts as both of its programs see it: kernels to load, batches to run
// them on, and what must come out. No torch here. Names in the folder:
//
//   batches.txt      sections of inputs; one row per input
//   NAME.ptx         the compiled objective          NAME.json     its manifest
//   NAME.txt         a section per batch with the expected rows below, each with a row ROW.bound of
//   the same size
#pragma once

#include "runtime/Manifest.h"
#include "tools/gpu/NumberFile.h"

#include <string>
#include <vector>

namespace disco::gpu {

/// Row names of expected values. Gradients are `gradient.INPUT`, metrics `metric.NAME`.
inline constexpr const char *kLoss = "loss";
inline constexpr const char *kLosses = "losses";
inline constexpr const char *kChosenRewards = "chosen_rewards";
inline constexpr const char *kRejectedRewards = "rejected_rewards";
inline std::string gradientRow(const std::string &input) { return "gradient." + input; }
inline std::string metricRow(const std::string &name) { return "metric." + name; }
inline std::string boundRow(const std::string &row) { return row + ".bound"; }

struct Artefact {
  runtime::Signature signature;
  std::string ptx;
  Sections expected;
};

struct Artefacts {
  Sections batches;
  std::vector<Artefact> objectives; // by name
};

/// Everything in the folder. Errors name the file.
Result<Artefacts> readArtefacts(const std::string &folder);

/// The batch of an expected section, or an error: the folder is not from one run of the packer.
Result<const Rows *> batchOf(const Artefacts &artefacts, const std::string &section);

/// An error naming row, place and both numbers where `actual` is further from the expected row than
/// its bound. NaN and infinities must be the same; an infinite bound allows anything.
Result<void> compareRow(const Rows &expected, const std::string &row, const float *actual,
                        size_t count);

/// An error unless the two entries of the PTX declare the arguments that runtime::PtxKernel passes
/// for the signature.
Result<void> checkEntries(const Artefact &artefact);

} // namespace disco::gpu
