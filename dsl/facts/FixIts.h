// Warnings about objectives that are not finite where they train, with rewritings that make them so
// (SPEC F8). A rewriting is offered only after it was tried.
#pragma once

#include "dsl/facts/Facts.h"
#include "dsl/support/Diagnostic.h"

#include <functional>

namespace disco::dsl::facts {

/// How a changed text becomes a program; empty where it does not.
using Compile = std::function<std::optional<Program>(const Source &)>;

/// Reports `NotFinite` at the loss where the operating box is refuted. Its edits, all to be applied
/// together, are those of the listed forms that the author wrote out: together they give the same
/// loss and make the operating box PROVED, else there are none.
void warnNotFinite(const Source &source, const Program &program, std::span<const double> parameters,
                   const Facts &facts, const Compile &compile, Diagnostics &diagnostics);

} // namespace disco::dsl::facts
