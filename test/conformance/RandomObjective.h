// Random well-typed objectives and steps for them, the same for a seed everywhere: what engines are
// compared on.
#pragma once

#include "dsl/Program.h"
#include "test/unit/interpreter/Evaluate.h"

#include <cstdint>
#include <optional>
#include <string>

namespace disco::conformance {

/// One objective. Of even seeds it is a text, from the grammar and every builtin, that went through
/// the front end; of odd seeds a graph of operations, which the front end would have simplified.
struct RandomObjective {
  dsl::Program program;
  /// The program in canonical form, and what the front end reads there; nothing where it refuses
  /// the text of a graph for its size or its numbers, or drops a state that nothing reads.
  std::string text;
  std::optional<dsl::Program> reread;
};

/// How much the objective of a seed may have: bytes of choice or operations.
size_t fullSize(uint64_t seed);
/// The objective of a seed when it may have only so much, which for graphs is a part of the larger
/// one. Nothing where the language refuses it for its size or its numbers.
std::optional<RandomObjective> randomObjective(uint64_t seed, size_t size);

/// How many steps of a seed are different in kind.
constexpr size_t kSteps = 4;
/// One step for the program, of float32 numbers: ordinary ones, margins of 100 and more, and, in
/// the last two kinds, numbers that are zero, subnormal, huge or not finite among them.
dsl::Step randomStepFor(const dsl::Program &program, uint64_t seed, size_t kind, size_t pairs);
/// Its number of pairs: mostly a few, around the width of a vector, sometimes none, and now and
/// then more than a chunk.
size_t pairsOfStep(uint64_t seed, size_t kind);
/// The program's parameters for it: the author's, or others.
std::vector<double> randomParameters(const dsl::Program &program, uint64_t seed, size_t kind);

} // namespace disco::conformance
