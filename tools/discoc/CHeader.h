// The C header of an object file or shared library that discoc writes.
#pragma once

#include "runtime/KernelImage.h"

#include <string>

namespace disco::discoc {

/// Declares what Compiler::compileObject defines, with the order of every argument as constants.
std::string cHeader(const runtime::Signature &signature, runtime::Target target,
                    runtime::Dtype dtype);

} // namespace disco::discoc
