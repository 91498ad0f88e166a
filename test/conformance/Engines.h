// The engines that must agree, behind one signature, and the check that they do (SPEC N1).
#pragma once

#include "dsl/Interpreter.h"

#include <memory>
#include <string>
#include <vector>

namespace disco::conformance {

using Columns = std::array<std::vector<double>, dsl::kInputCount>;

/// Loss, losses and gradients of one program, evaluated in float32 by some engine.
class Engine {
public:
  virtual ~Engine() = default;
  virtual dsl::Evaluation evaluate(const Columns &columns, size_t pairs,
                                   const std::vector<double> &parameters) = 0;
};

struct NamedEngine {
  std::string name;
  std::unique_ptr<Engine> engine;
};

/// Every float32 engine of this build for one program: the interpreter's float32 mode, and the
/// compiled kernel where the compiler is built. `program` must outlive them.
std::vector<NamedEngine> float32Engines(const dsl::Program &program);

/// Expects each engine to give what the double interpreter gives, within the error bounds, on one
/// batch.
void expectAgreement(const std::string &what, const dsl::Program &program,
                     const std::vector<NamedEngine> &engines, const Columns &columns, size_t pairs);

/// What agreement was about so far: how many numbers were compared, and how many had a bound below
/// 1e-3 of the number.
struct Tally {
  size_t compared = 0, informative = 0;
};
Tally &tally();

dsl::Batch batchOf(const Columns &columns, size_t pairs);

/// The shipped objective of that name, or one whose loss is `text`; a test failure and an empty
/// program otherwise.
dsl::Program shippedProgram(const std::string &name);
dsl::Program programOf(const std::string &loss);

} // namespace disco::conformance
