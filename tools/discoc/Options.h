// The command line of discoc as a struct.
#pragma once

#include "dsl/support/DiagnosticKind.h"

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace disco::discoc {

enum class Emit { Ast, Typed, Obj, Grad, Loops, Llvm, Asm, Ptx, Object, So, Dpoc };
enum class Engine { Interpreter, Host };
/// What to do with the objective besides checking it.
enum class Action { Check, Emit, Run, Facts, Fix, Format };

struct Options {
  Action action = Action::Check;
  std::string file; // a path, `-`, or the name of a shipped objective
  Emit stage = Emit::Typed;
  std::string batch;   // Run: path of the batch
  bool dryRun = false; // Format: --check, say what would change and write nothing
  Engine engine = Engine::Interpreter;
  bool inProcess = false, noCache = false; // how code is compiled for --run and .dpoc files
  std::optional<std::string> output; // standard output, or for a rewritten file the file itself
  std::string gpuArch = "sm_90";
  std::string target;            // portable, avx2, avx512; empty: this machine's
  std::string dtype = "float32"; // float32, float64
  std::vector<std::pair<std::string, std::string>> settings; // -D name=value, in order
  std::vector<std::string> includes;                         // -I, in order
  WarningPolicy warnings;
  bool jsonDiagnostics = false;
};

/// The options, or the exit code of a run that ends here: 0 after --help and --version, 2 after a
/// usage error. What they print has been printed.
std::variant<Options, int> parseOptions(int argc, char **argv);

} // namespace disco::discoc
