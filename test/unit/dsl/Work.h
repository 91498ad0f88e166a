// Work counted instead of timed: how often memory is asked for, which a loaded machine does not
// change.
#pragma once

#include <cstddef>
#include <functional>

namespace disco::dsl {

/// Allocations by all threads while the call runs.
size_t allocationsOf(const std::function<void()> &call);

} // namespace disco::dsl
