// Brings a used objective into the one that uses it: its nodes with parameters replaced, its
// columns shared by name, its states and metrics as ALIAS.name. SPEC I11
#pragma once

#include "dsl/Expander.h"

#include <span>

namespace disco::dsl {

/// The loss of a checked objective, per pair or per batch; rewards stay behind. `parameters` are
/// the values of its parameters, each a CONST. No value where a limit is passed, which is reported.
Value inlineObjective(const Program &used, std::span<const Value> parameters, const Item &use,
                      Expander &expander, Program &program);

/// The index of the program's column of that name, new or shared. SPEC I8, X11
uint32_t addColumn(const Column &column, Expander &expander, Program &program);

/// The index of a new state. SPEC X12
uint32_t addState(const State &state, Expander &expander, Program &program);

} // namespace disco::dsl
