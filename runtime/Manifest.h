// The signature of a kernel as a JSON file, so that PTX text and its manifest can be used on a
// machine that has no compiler of ours. A manifest comes from elsewhere: every field is checked
// when it is read, and no field is used as a path.
#pragma once

#include "dsl/support/Result.h"
#include "runtime/Kernel.h"

#include <string>
#include <string_view>

namespace disco::runtime {

/// A larger file is not a manifest; bounds the work on a foreign one.
constexpr size_t kManifestBytes = 64 * 1024;

/// The same signature gives the same bytes, ending in a line break.
std::string writeManifest(const Signature &signature);

/// `name` is what errors call the text. Errors name the field and what was seen: text that is no
/// JSON object, another format number, a missing, unknown or ill-typed field, a name that is no
/// identifier or occurs twice, a default that is not finite, gradients other than those of the two
/// policy inputs.
Result<Signature> readManifest(std::string_view name, std::string_view text);

} // namespace disco::runtime
