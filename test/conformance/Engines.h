// The engines that must agree, behind one signature, what each is known to lack, and the check that
// they do agree (SPEC N1).
#pragma once

#include "dsl/Interpreter.h"
#include "test/unit/interpreter/Evaluate.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace disco::conformance {

/// Values and gradients of one program, evaluated by some engine.
class Engine {
public:
  virtual ~Engine() = default;
  /// Fills loss, losses and gradients; what the engine does not report stays empty.
  virtual dsl::Evaluation evaluate(const dsl::Step &step,
                                   const std::vector<double> &parameters) = 0;
};

struct NamedEngine {
  std::string name;
  std::unique_ptr<Engine> engine;
  /// How much of the bound, which is float32's, this engine may use.
  double share = 1;
};

/// Every float32 engine of this build for one program: the interpreter's float32 mode, and the
/// compiled kernel where the compiler is built and skips.txt does not excuse it. A test failure
/// when an engine refuses what is not excused. `program` must outlive them.
std::vector<NamedEngine> float32Engines(const dsl::Program &program);
/// These, and kernels for every other target that this CPU runs and in float64.
std::vector<NamedEngine> allEngines(const dsl::Program &program);

/// One line of skips.txt: an engine lacks a construct of the language (the mnemonic of an
/// operation, or the name of an input).
struct Skip {
  std::string engine, construct, reason;
};
const std::vector<Skip> &skips();
/// The constructs of a program that skips.txt excuses an engine from.
std::set<std::string> excused(const dsl::Program &program, const std::string &engine);
/// Skips that no program has needed so far: one that uses the construct, none other that is
/// excused, and is refused by the engine. Empty where the engine is not built.
std::vector<Skip> unneededSkips();

/// Expects each engine to give what the double interpreter gives, within the error bounds, on one
/// step.
void expectAgreement(const std::string &what, const dsl::Program &program,
                     const std::vector<NamedEngine> &engines, const dsl::Step &step,
                     const std::vector<double> &parameters);

/// What agreement was about so far: how many numbers were compared, and how many had a bound below
/// 1e-3 of the number.
struct Tally {
  size_t compared = 0, informative = 0;
};
Tally &tally();

/// The shipped objective of that name; a test failure and an empty program where it does not pass
/// the checks.
dsl::Program shippedProgram(const std::string &name);
dsl::Program programOf(const std::string &name, const std::string &text);

} // namespace disco::conformance
