// What --facts prints: everything derived about an objective as one JSON object with stable keys.
#pragma once

#include "dsl/facts/Facts.h"

#include <string>

namespace disco::discoc {

/// SPEC 11. Infinite numbers are the strings "Infinity" and
/// "-Infinity", what is not known is null, a witness is a batch that --run takes.
std::string factsJson(const dsl::Program &program, const dsl::facts::Facts &facts);

} // namespace disco::discoc
