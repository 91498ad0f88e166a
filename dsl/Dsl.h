// The front end in one header: text -> Ast -> Program, and what can be asked of a Program. Standard
// library only.
//
//   Source source("lrml.dpo", text);
//   Diagnostics found;
//   std::optional<dsl::Program> program = dsl::compileSource(source, found);   // parse + check
//   if (!program) std::cerr << renderDiagnostics(source, found.sorted());
#pragma once

#include "dsl/Interpreter.h"
#include "dsl/Library.h"
#include "dsl/Program.h"
#include "dsl/support/Diagnostic.h"
#include "dsl/support/Result.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace disco::dsl {

/// Parses and checks. No exception leaves it, whatever the text. Empty when there were errors. The
/// library is where `use` finds objectives: the shipped ones, unless it knows more folders.
std::optional<Program> compileSource(const Source &source, Diagnostics &diagnostics,
                                     const Library &library = Library());

/// Identity of the loss as a function, parameters bound to the given values: names, order of
/// bindings, dead bindings and the real-number identities listed in SPEC do not change it. 32
/// hexadecimal digits.
std::string hash(const Program &program, std::span<const double> parameters);
/// Identity of the loss up to what training does not see or a change of unit: equal for losses that
/// differ by a positive factor, by what has no gradient (constants above all), or by a positive
/// factor on all log-probabilities, as `dpo` does at two values of `beta`. 32 hexadecimal digits.
std::string shapeHash(const Program &program, std::span<const double> parameters);
/// Identity of the exact program with rewards and metrics, parameters unbound; for caches of
/// compiled code. Names, ranges and defaults are not part of it, the order of parameters and
/// metrics is. 32 hex digits.
std::string codeHash(const Program &program);

/// The objective as canonical text: parses to a Program with the same code hash. Nothing of the
/// author's wording is in it: names are chosen here, except that well-known parameter names
/// (`beta`, `tau`, ...) and the names of columns stay.
std::string printProgram(const Program &program);

/// The same objective with a parameter `margin_scale = 1 in [1e-6, 1e6] log` that multiplies the
/// margin (the difference of the two log-ratios, or of the policy's log-probabilities where no
/// reference is read): a temperature for objectives that have no `beta`. Empty when the loss does
/// not go through a margin.
std::optional<Program> scaleMargin(const Program &program);

/// Applies `-D name=value` settings over the defaults and checks names, numbers, ranges and
/// Program::constraints; the error names the setting.
Result<std::vector<double>>
bindParameters(const Program &program,
               const std::vector<std::pair<std::string, std::string>> &settings);

/// What the states hold before the first optimiser step. [Program::states]
std::vector<double> initialStates(const Program &program, std::span<const double> parameters);

/// Reads a file, refusing directories, devices and what has a zero byte with a clear message. Of a
/// file that is too large it reads one byte more than Limits::sourceBytes, which the parser
/// refuses.
Result<Source> readSource(const std::string &path);

} // namespace disco::dsl
