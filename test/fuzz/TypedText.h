// Well-typed objectives made from bytes: every input of a fuzzer becomes a text that the checker
// accepts, or refuses for its size or its numbers alone. Names and functions come from the
// language's own lists, so that what is added there is generated.
#pragma once

#include "test/fuzz/Fuzz.h"

#include <string>

namespace disco::fuzz {

/// The text; uses up some of the bytes.
std::string typedText(Choices &choices);

} // namespace disco::fuzz
