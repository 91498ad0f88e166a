#include "tools/discoc/CHeader.h"

#include "runtime/StaticKernel.h"

#include <charconv>
#include <set>

namespace disco::discoc {

namespace {

/// `enum { x_INPUT_a, x_INPUT_b, x_INPUTS };`, the last being how many there are.
std::string numbered(const std::string &prefix, const std::vector<std::string> &names,
                     const std::string &count) {
  std::string text = "enum {\n";
  std::set<std::string> taken(names.begin(), names.end());
  for (std::string name : names) {
    if (name.find('.') != std::string::npos) { // of a used objective
      for (size_t dot; (dot = name.find('.')) != std::string::npos;)
        name.replace(dot, 1, "__");
      while (!taken.insert(name).second)
        name += '_';
    }
    text += "  " + prefix + name + ",\n";
  }
  return text + "  " + count + "\n};\n";
}

std::string exactText(double value) {
  char text[64];
  std::string digits(text, std::to_chars(text, text + sizeof text, value).ptr);
  return digits.find_first_of(".e") == std::string::npos ? digits + ".0" : digits;
}

} // namespace

std::string cHeader(const runtime::Signature &signature, runtime::Target target,
                    runtime::Dtype dtype) {
  const std::string name = runtime::exportedName(signature.objective, dtype);
  const std::string real = dtype == runtime::Dtype::Float32 ? "float" : "double";
  std::vector<std::string> numbers = signature.parameters;
  numbers.insert(numbers.end(), signature.states.begin(), signature.states.end());
  numbers.emplace_back("progress");
  std::string defaults;
  for (double value : signature.defaults)
    defaults += "  " + exactText(value) + ",\n";
  const std::string guard = "DISCO_OBJECTIVE_" + name + "_H";

  return "/* Objective `" + signature.objective + "`, code hash " + signature.codeHash + ", " +
         std::string(runtime::dtypeName(dtype)) + ", for " +
         std::string(runtime::targetName(target)) +
         " CPUs. Written by discoc.\n"
         " *\n"
         " * Arrays are contiguous and hold one " +
         real +
         " per pair, or per completion token where the name says so;\n"
         " * offsets of tokens are int64_t. `pairs` may be 0: then the loss is NaN and nothing "
         "else is written.\n"
         " * Both functions return 0; or they write nothing and return -1 where this CPU lacks the "
         "instructions,\n"
         " * -2 where `pairs` is negative or above " +
         std::to_string(runtime::kMostPairs) +
         ". */\n"
         "#ifndef " +
         guard + "\n#define " + guard +
         "\n\n#include <stdint.h>\n\n"
         "#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n"
         "/* inputs[] */\n" +
         numbered(name + "_INPUT_", signature.inputs, name + "_INPUTS") + "/* gradients[] */\n" +
         numbered(name + "_GRADIENT_", signature.gradients, name + "_GRADIENTS") +
         "/* numbers[]: parameters, states before the step, progress of the training in [0, 1] "
         "*/\n" +
         numbered(name + "_NUMBER_", numbers, name + "_NUMBERS") +
         (defaults.empty() ? ""
                           : "/* The parameters as the author set them. */\n"
                             "static const " +
                                 real + " " + name + "_defaults[] = {\n" + defaults + "};\n") +
         (signature.metrics.empty()
              ? ""
              : "/* metrics[] */\n" +
                    numbered(name + "_METRIC_", signature.metrics, name + "_METRICS")) +
         "\n/* loss[0] is the mean over pairs, gradients[i] its derivative by that input. Returns "
         "1 "
         "where the loss is\n"
         " * not finite, 2 where a gradient is not, 3 where both are not; then first_bad, if not "
         "NULL, receives the\n"
         " * first such pair, or -1 where it is the whole batch's. */\n"
         "int " +
         name + "_gradient(const void *const *inputs, const " + real +
         " *numbers, int64_t pairs,\n    " + real + " *loss, " + real +
         " *const *gradients, int64_t *first_bad);\n"
         "/* losses[pairs]; rewards[0][pairs] chosen, rewards[1][pairs] rejected; metrics are "
         "means. "
         "*/\n"
         "int " +
         name + "_report(const void *const *inputs, const " + real +
         " *numbers, int64_t pairs,\n    " + real + " *losses, " + real + " *const *rewards, " +
         real +
         " *metrics);\n\n"
         "#ifdef __cplusplus\n}\n#endif\n\n#endif\n";
}

} // namespace disco::discoc
