// An object file of an objective -> a shared library that brings what it calls of our runtime.
#pragma once

#include "dsl/support/Result.h"

#include <string>

namespace disco::discoc {

/// Runs the system's C++ compiler as the linker. Errors: no `c++` to be found, or what it said.
Result<void> linkShared(const std::string &object, const std::string &library);

} // namespace disco::discoc
