// The front end's entry points that only join its parts: compiling a source, reading a file,
// binding parameters.
#include "dsl/Dsl.h"

#include "dsl/Constants.h"
#include "dsl/Importer.h"
#include "dsl/Limits.h"
#include "dsl/Parser.h"
#include "dsl/support/Number.h"

#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace disco::dsl {

std::optional<Program> compileSource(const Source &source, Diagnostics &diagnostics,
                                     const Library &library) {
  const std::optional<Ast> ast = parse(source, diagnostics);
  if (!ast)
    return std::nullopt;
  Importer importer(library);
  return check(source, *ast, diagnostics, importer).program;
}

Result<std::vector<double>>
bindParameters(const Program &program,
               const std::vector<std::pair<std::string, std::string>> &settings) {
  std::vector<double> values = program.defaultParameters();
  std::vector<bool> set(values.size());
  for (const auto &[name, text] : settings) {
    const std::string setting = "-D " + name + "=" + text + ": ";
    const std::optional<uint32_t> index = program.parameterIndex(name);
    if (!index) {
      std::string known;
      for (const Parameter &parameter : program.parameters)
        known += (known.empty() ? "" : ", ") + parameter.name;
      return Error{setting + "objective `" + program.name + "` has no parameter `" + name + "`" +
                   (known.empty() ? "; it has none" : "; it has " + known)};
    }
    if (set[*index])
      return Error{setting + "parameter `" + name + "` is set twice"};
    set[*index] = true;
    double value = 0;
    const char *end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc() || at != end)
      return Error{setting + "`" + text + "` is not a number"};
    if (!std::isfinite(value))
      return Error{setting + "`" + text + "` is not a finite number"};
    const Parameter &parameter = program.parameters[*index];
    if (!parameter.contains(value))
      return Error{setting + "outside the range " + parameter.rangeText() + " of `" + name + "`"};
    values[*index] = value;
  }
  for (const Constraint &constraint : program.constraints)
    if (const double value = constantValue(program, constraint.value, values);
        !constraint.range.contains(value))
      return Error{"with these parameters " + constraint.range.name + " is " + formatNumber(value) +
                   ", " + constraint.complaint()};
  return values;
}

Result<Source> readSource(const std::string &path) {
  const auto failed = [&](const std::string &why) { return Error{path + ": " + why}; };
  // Opening a FIFO or a device must not block.
  const int file = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0)
    return failed(std::string("cannot be read: ") + std::strerror(errno));
  struct Closer {
    int file;
    ~Closer() { close(file); }
  } closer{file};
  struct stat info {};
  if (fstat(file, &info) != 0)
    return failed(std::string("cannot be read: ") + std::strerror(errno));
  if (S_ISDIR(info.st_mode))
    return failed("is a directory, expected an objective file");
  if (!S_ISREG(info.st_mode))
    return failed("is not a regular file");
  std::string text(Limits::sourceBytes + 1, '\0');
  size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = read(file, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return failed(std::string("cannot be read: ") + std::strerror(errno));
    if (got == 0)
      break;
    size += size_t(got);
  }
  text.resize(size);
  if (text.find('\0') != std::string::npos) // compiled code, perhaps
    return failed("is no text, expected an objective file");
  return Source(path, std::move(text));
}

} // namespace disco::dsl
