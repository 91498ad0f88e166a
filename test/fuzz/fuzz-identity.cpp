// Printing and identity: the canonical text of a program parses to a program with the same hashes
// and the same canonical text. An input that is an objective is taken as text, any other makes one.
#include "dsl/Dsl.h"
#include "test/fuzz/TypedText.h"

using namespace disco;

namespace {

std::optional<dsl::Program> compiled(const std::string &text) {
  Diagnostics found;
  return dsl::compileSource(Source("fuzz.dpo", text), found);
}

void checkIdentity(const dsl::Program &program, const std::string &text) {
  const std::string printed = dsl::printProgram(program);
  const std::optional<dsl::Program> again = compiled(printed);
  fuzz::require(again.has_value(), "canonical text is accepted", text + printed);
  const std::vector<double> parameters = program.defaultParameters();
  fuzz::require(dsl::codeHash(*again) == dsl::codeHash(program), "code_hash survives printing",
                text + printed);
  fuzz::require(dsl::hash(*again, parameters) == dsl::hash(program, parameters),
                "hash survives printing", text + printed);
  fuzz::require(text.size() % 8 != 0 || // it takes ten times as long
                    dsl::shapeHash(*again, parameters) == dsl::shapeHash(program, parameters),
                "shape_hash survives printing", text + printed);
  fuzz::require(dsl::printProgram(*again) == printed, "canonical text is its own", text + printed);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  std::optional<dsl::Program> program = compiled(text);
  if (!program) {
    fuzz::Choices choices({data, size});
    text = fuzz::typedText(choices);
    program = compiled(text);
  }
  if (!program)
    return 0;
  checkIdentity(*program, text);
  const bool scale = text.size() % 8 == 1;
  if (const auto scaled = scale ? dsl::scaleMargin(*program) : std::nullopt)
    checkIdentity(*scaled, text);
  return 0;
}
