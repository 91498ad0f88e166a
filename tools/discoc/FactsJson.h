// What --facts prints: everything derived about an objective as one JSON object with stable keys.
#pragma once

#include "dsl/Program.h"

#include <span>
#include <string>

namespace disco::discoc {

/// SPEC 11, with the parameters bound to values. Infinite numbers are the strings "Infinity" and
/// "-Infinity", what is not known is null, a witness is a batch that --run takes.
std::string factsJson(const dsl::Program &program, std::span<const double> parameters);

} // namespace disco::discoc
