// The module `disco._core`: from text to a Compiled, as Python sees it. No torch here; Python's
// side is thin, so what crosses is plain: numbers, texts, lists of them.
#include "compiler/service/Service.h"
#include "dsl/Dsl.h"
#include "tools/python/module/Compiled.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <atomic>
#include <mutex>

namespace py = pybind11;
using namespace disco;
using namespace disco::python;

namespace {

/// A text after checking: a program or the reasons why there is none, rendered as discoc prints
/// them and one by one as (severity, id, message, file, line, column).
struct Checked {
  using Finding = std::tuple<std::string, std::string, std::string, std::string, int, int>;
  std::optional<dsl::Program> program;
  std::string text;
  std::vector<Finding> findings;
};

Checked check(const Source &source, const std::vector<std::string> &folders) {
  Diagnostics diagnostics;
  Checked checked;
  checked.program = dsl::compileSource(source, diagnostics, dsl::Library(folders));
  const std::vector<Diagnostic> sorted = diagnostics.sorted();
  checked.text = renderDiagnostics(source, sorted);
  for (const Diagnostic &found : sorted) {
    const Source &own = found.source ? *found.source : source;
    const LineColumn place = own.lineColumn(found.span.begin);
    checked.findings.emplace_back(found.severity == Severity::Error ? "error" : "warning",
                                  std::string(diagnosticId(found.kind)), found.message, own.name(),
                                  place.line, place.column);
  }
  return checked;
}

/// Refusals that Python turns into exceptions of its own: their text alone.
struct Refused : std::runtime_error {
  using runtime_error::runtime_error;
};
template <typename T> T valueOf(Result<T> result) {
  if (!result)
    throw Refused(result.error().message);
  return std::move(*result);
}

Shape shapeOf(dsl::Extent extent) {
  return extent == dsl::Extent::ChosenToken     ? Shape::ChosenTokens
         : extent == dsl::Extent::RejectedToken ? Shape::RejectedTokens
                                                : Shape::Pairs;
}

int positionOf(const std::string &name, const std::vector<std::string> &names) {
  const auto found = std::find(names.begin(), names.end(), name);
  return found == names.end() ? -1 : int(found - names.begin());
}

/// Every array that a call may bring, and where the kernel wants it.
std::vector<Argument> argumentsOf(const dsl::Program &program,
                                  const runtime::Signature &signature) {
  std::vector<Argument> arguments;
  const auto add = [&](Argument argument) {
    argument.input = positionOf(argument.name, signature.inputs);
    if (argument.input >= 0)
      argument.gradient = positionOf(argument.name, signature.gradients);
    arguments.push_back(std::move(argument));
  };
  for (size_t i = 0; i < dsl::kInputCount; ++i) {
    const auto input = dsl::Input(i);
    if (input != dsl::Input::chosen_token_index && input != dsl::Input::rejected_token_index &&
        dsl::inputExtent(input) != dsl::Extent::Batch)
      add({.name = std::string(dsl::inputName(input)),
           .shape = shapeOf(dsl::inputExtent(input)),
           .hasGradient = dsl::inputHasGradient(input),
           .defaultValue = {}});
  }
  for (const char *offsets : {runtime::kChosenOffsets, runtime::kRejectedOffsets})
    add({.name = offsets, .shape = Shape::Offsets, .defaultValue = {}});
  for (const dsl::Column &column : program.columns)
    add({.name = column.name, .defaultValue = column.defaultValue});
  return arguments;
}

/// What the interpreter reads to give the states after a step: what the kernel reads, and what the
/// `next`s do.
std::vector<size_t> stepArgumentsOf(const dsl::Program &program,
                                    const std::vector<Argument> &arguments) {
  std::vector<dsl::NodeId> results;
  for (const dsl::State &state : program.states)
    results.push_back(state.next);
  std::vector<std::string> names;
  for (dsl::Input input : program.inputsOf(results)) {
    names.emplace_back(dsl::inputName(input));
    if (dsl::isToken(dsl::inputExtent(input)))
      names.insert(names.end(), {runtime::kChosenOffsets, runtime::kRejectedOffsets});
  }
  for (uint32_t column : program.columnsOf(results))
    names.push_back(program.columns[column].name);
  std::vector<size_t> positions;
  for (size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i].input >= 0 || positionOf(arguments[i].name, names) >= 0)
      positions.push_back(i);
  return positions;
}

/// FNV-1a, 63 bits, of the code hash.
int64_t keyOf(const runtime::Signature &signature) {
  uint64_t key = 0xcbf29ce484222325;
  for (unsigned char letter : signature.codeHash)
    key = (key ^ letter) * 0x100000001b3;
  return int64_t(key >> 1);
}

/// The service of all threads, with one worker, which starts with the first program that the cache
/// does not have. Never destroyed: the worker ends when this process does.
struct SharedService {
  std::mutex mutex;
  std::optional<compiler::Service> service;
};
std::atomic<SharedService *> &sharedService() {
  static std::atomic<SharedService *> instance = new SharedService;
  return instance;
}

/// The worker's program, beside this module.
std::string &workerPath() {
  static std::string path;
  return path;
}

Result<compiler::Service> makeService(bool inProcess) {
  Result<compiler::ServiceOptions> options = compiler::usualService(/*inProcess=*/true, false);
  if (!options)
    return options.error();
  if (!inProcess)
    options->worker = workerPath();
  return compiler::Service(std::move(*options));
}

/// The service, made when it is wanted first; an error where $DISCO_CACHE cannot be used.
Result<compiler::Service *> ready(std::optional<compiler::Service> &service, bool inProcess) {
  if (!service) {
    Result<compiler::Service> fresh = makeService(inProcess);
    if (!fresh)
      return fresh.error();
    service = std::move(*fresh);
  }
  return &*service;
}

Result<runtime::HostKernel> compiled(const dsl::Program &program, runtime::Dtype dtype,
                                     bool inProcess) {
  thread_local std::optional<compiler::Service> own; // its compiler is warm after one program
  SharedService *const shared = sharedService();
  std::unique_lock<std::mutex> lock(shared->mutex, std::defer_lock);
  if (!inProcess)
    lock.lock();
  Result<compiler::Service *> service = ready(inProcess ? own : shared->service, inProcess);
  if (!service)
    return service.error();
  Result<runtime::KernelImage> image = (*service)->compile(program, {.dtype = dtype});
  return image ? runtime::load(*image) : image.error();
}

std::shared_ptr<Compiled> build(const Checked &checked,
                                const std::vector<std::pair<std::string, std::string>> &settings,
                                bool inProcess) {
  auto made = std::make_shared<Compiled>();
  made->inProcess = inProcess;
  made->program = *checked.program;
  const dsl::Program &program = made->program;
  made->parameters = valueOf(dsl::bindParameters(program, settings));
  made->initialStates = dsl::initialStates(program, made->parameters);
  made->kernel = valueOf(compiled(program, runtime::Dtype::Float32, inProcess));
  const runtime::Signature &signature = made->kernel.signature;
  made->arguments = argumentsOf(program, signature);
  made->kernelArguments.resize(signature.inputs.size());
  for (size_t i = 0; i < made->arguments.size(); ++i)
    if (const int input = made->arguments[i].input; input >= 0)
      made->kernelArguments[size_t(input)] = i;
  made->stepArguments = stepArgumentsOf(program, made->arguments);
  made->key = keyOf(signature);
  if (!enlist(made))
    throw Refused(
        "objective `" + program.name +
        "` has the key of another one in this process; compile it in a process of its own");
  return made;
}

/// Whether a pair's loss depends on other pairs of the batch.
bool couplesPairs(const dsl::Program &program) {
  return std::any_of(program.nodes.begin(), program.nodes.end(), [](const dsl::Node &node) {
    const dsl::OpShape shape = dsl::opShape(node.op);
    return shape == dsl::OpShape::Reduce || shape == dsl::OpShape::Sort ||
           (node.op == dsl::Op::Input && dsl::Input(node.index) == dsl::Input::batch_size);
  });
}

template <typename Items> std::vector<std::string> namesOf(const Items &items) {
  std::vector<std::string> names;
  for (const auto &item : items)
    names.push_back(item.name);
  return names;
}

const char *textOf(Shape shape) {
  switch (shape) {
  case Shape::Pairs:
    return "pairs";
  case Shape::ChosenTokens:
    return "chosen tokens";
  case Shape::RejectedTokens:
    return "rejected tokens";
  case Shape::Offsets:
    return "pairs + 1";
  }
  return "";
}

} // namespace

const runtime::HostKernel &Compiled::doubleKernel() const {
  std::call_once(doubleIsCompiled_, [&] {
    Result<runtime::HostKernel> kernel = compiled(program, runtime::Dtype::Float64, inProcess);
    if (!kernel)
      throw std::runtime_error(kernel.error().message);
    double_ = std::move(*kernel);
  });
  return double_;
}

PYBIND11_MODULE(_core, module) {
  py::register_exception<Refused>(module, "Refused");

  py::class_<Checked>(module, "Checked")
      .def_property_readonly("valid", [](const Checked &c) { return c.program.has_value(); })
      .def_readonly("text", &Checked::text)
      .def_readonly("findings", &Checked::findings);

  py::class_<Argument>(module, "Argument")
      .def_readonly("name", &Argument::name)
      .def_property_readonly("shape", [](const Argument &a) { return textOf(a.shape); })
      .def_readonly("has_gradient", &Argument::hasGradient)
      .def_readonly("input", &Argument::input)
      .def_readonly("gradient", &Argument::gradient)
      .def_readonly("default", &Argument::defaultValue);

  py::class_<Compiled, std::shared_ptr<Compiled>>(module, "Compiled")
      .def_property_readonly("name", [](const Compiled &c) { return c.program.name; })
      .def_property_readonly("code_hash",
                             [](const Compiled &c) { return c.kernel.signature.codeHash; })
      .def_property_readonly("parameter_names",
                             [](const Compiled &c) { return namesOf(c.program.parameters); })
      .def_property_readonly("column_names",
                             [](const Compiled &c) { return namesOf(c.program.columns); })
      .def_property_readonly("state_names",
                             [](const Compiled &c) { return namesOf(c.program.states); })
      .def_property_readonly("metric_names",
                             [](const Compiled &c) { return namesOf(c.program.metrics); })
      .def_property_readonly("needs_reference",
                             [](const Compiled &c) { return c.program.lossNeedsReference(); })
      .def_property_readonly("couples_pairs",
                             [](const Compiled &c) { return couplesPairs(c.program); })
      .def_readonly("parameters", &Compiled::parameters)
      .def_readonly("initial_states", &Compiled::initialStates)
      .def_readonly("arguments", &Compiled::arguments)
      .def_readonly("kernel_arguments", &Compiled::kernelArguments)
      .def_readonly("step_arguments", &Compiled::stepArguments)
      .def_readonly("key", &Compiled::key)
      // For `_fast`, which keeps the object it is taken from.
      .def("capsule", [](Compiled &c) { return py::capsule(&c, kCapsule); });

  module.attr("MOST_PAIRS") = runtime::kMostPairs;
  module.def("check_file", [](const std::string &path, const std::vector<std::string> &folders) {
    return check(valueOf(dsl::readSource(path)), folders);
  });
  module.def("check_text", [](const std::string &name, const std::string &text,
                              const std::vector<std::string> &folders) {
    return check(Source(name, text), folders);
  });
  module.def("build", &build, py::call_guard<py::gil_scoped_release>());
  module.def("set_worker", [](const std::string &path) { workerPath() = path; });
  // The service of a process that was forked is the parent's, with what its threads held then.
  module.def("after_fork", [] { sharedService() = new SharedService; });
  module.def("shipped", [] {
    py::dict texts;
    for (const dsl::ShippedObjective &objective : dsl::Library::shipped())
      texts[py::str(std::string(objective.name))] = std::string(objective.text);
    return texts;
  });
}
