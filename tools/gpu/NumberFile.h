// Named rows of numbers in sections, as text that any program reads without a library: how batches
// and expected values travel to a machine that has nothing of ours.
//
//   section random-7
//   policy_chosen_logps 7 -1.5 inf ...      name, count, numbers
#pragma once

#include "dsl/support/Result.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

namespace disco::gpu {

using Rows = std::map<std::string, std::vector<double>>;
/// In the order of the file.
using Sections = std::vector<std::pair<std::string, Rows>>;

/// Nine digits, which name a float32 exactly once rounded to one; `inf` and `nan` as C writes them.
std::string numberText(double number);

Result<void> writeNumbers(const std::string &path, const Sections &sections);
/// Errors name the file and the line.
Result<Sections> readNumbers(const std::string &path);

} // namespace disco::gpu
