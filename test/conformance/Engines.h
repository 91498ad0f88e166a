// The engines that must agree, behind one signature, what each is known to lack, and the check that
// they do agree (SPEC N1).
#pragma once

#include "dsl/Interpreter.h"
#include "dsl/support/Result.h"
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
  /// What the last evaluation said that contradicts itself; empty where nothing does.
  virtual std::string contradiction() const { return {}; }
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
/// Ways to evaluate a program that `float32Engines` lacks: its kernels called as they are, in
/// float32 for the other targets that this CPU runs and in float64 for one of them, which `variant`
/// chooses. `reread` is the program, or what was read back from its text: then it has an
/// interpreter, and the portable kernel is compiled from it. Errors: what does not compile. Both
/// programs must outlive the engines.
Result<std::vector<NamedEngine>> furtherEngines(const dsl::Program &program,
                                                const dsl::Program &reread, size_t variant = 0);
/// All of these.
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

/// Where an engine does not give what the double interpreter gives, within the error bounds, on one
/// step; one line for each number.
std::vector<std::string> disagreements(const dsl::Program &program,
                                       const std::vector<NamedEngine> &engines,
                                       const dsl::Step &step,
                                       const std::vector<double> &parameters);
/// Expects that there is none.
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
