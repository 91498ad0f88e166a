// The command line of discoc as a struct.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace disco::discoc {

enum class Emit { Ast, Typed, Obj, Grad, Loops, Llvm, Asm, Ptx };
enum class Engine { Interpreter, Host };

struct Options {
  std::string file;                 // a path, `-`, or the name of a shipped objective
  std::optional<Emit> emit;         // without --emit and --run the file is only checked
  std::optional<std::string> batch; // --run: path of the batch
  Engine engine = Engine::Interpreter;
  std::string output = "-";
  std::string gpuArch = "sm_90";
  std::vector<std::pair<std::string, std::string>> settings; // -D name=value, in order
  std::vector<std::string> includes;                         // -I, in order
  bool jsonDiagnostics = false;
};

/// The options, or the exit code of a run that ends here: 0 after --help and --version, 2 after a
/// usage error. What they print has been printed.
std::variant<Options, int> parseOptions(int argc, char **argv);

} // namespace disco::discoc
