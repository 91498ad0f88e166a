// The module `disco._fast`: one type, whose call is one call of C++ from Python. It takes what an
// ordinary training step brings (plain float32 tensors on the CPU) and gives the loss with its node
// of the graph; for everything else, errors above all, it answers NotImplemented and the general
// path in Python decides. It is built for one version of torch.
#include "tools/python/module/Compiled.h"
#include "trainer/ObjectiveFunction.h"

#include <ATen/EmptyTensor.h>
#include <ATen/PythonTorchFunctionTLS.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/Exceptions.h>
#include <torch/csrc/autograd/python_variable.h>

#include <algorithm>
#include <array>
#include <structmember.h>

using namespace disco;
using namespace disco::python;
using at::Tensor;

namespace {

/// Larger batches let other threads of Python run meanwhile.
constexpr int64_t kReleasePairs = 4096;

/// `disco._fast.Caller(compiled)`.
struct Caller {
  PyObject_HEAD vectorcallfunc call;
  PyObject *owner; // keeps `compiled`
  const Compiled *compiled;
  PyObject **names; // interned, of the arguments; then "progress" and "states"
};

/// Tensors of one call by argument; null where it has none.
using Given = c10::SmallVector<const Tensor *, 24>;

/// An ordinary tensor: nothing that wraps one, traces, transforms or carries a tangent.
bool isPlain(const Tensor &tensor) {
  constexpr c10::DispatchKeySet kPlain({c10::DispatchKey::CPU, c10::DispatchKey::ADInplaceOrView,
                                        c10::DispatchKey::AutogradCPU,
                                        c10::DispatchKey::AutocastCPU});
  return kPlain.has_all(tensor.key_set()) && tensor.dim() == 1 && tensor.is_contiguous() &&
         !tensor._fw_grad(/*level=*/0).defined();
}

/// Whether something watches or changes calls of operators in this thread.
bool isObserved() {
  const c10::DispatchKeySet included = c10::impl::tls_local_dispatch_key_set().included_;
  constexpr c10::DispatchKeySet kObservers(
      {c10::DispatchKey::Python, c10::DispatchKey::PythonTLSSnapshot,
       c10::DispatchKey::FuncTorchDynamicLayerFrontMode, c10::DispatchKey::Functionalize});
  return included.has_any(kObservers) || at::impl::torch_function_mode_enabled();
}

struct Sizes {
  int64_t pairs = -1;
  std::array<int64_t, 2> tokens{-1, -1}; // of the chosen, of the rejected side

  /// Where the size of that shape is kept; offsets count one more than the pairs.
  int64_t &of(Shape shape) {
    return shape == Shape::ChosenTokens     ? tokens[0]
           : shape == Shape::RejectedTokens ? tokens[1]
                                            : pairs;
  }
};

/// False where an array is not what the objective takes.
bool readSizes(const Compiled &compiled, const Given &given, Sizes &sizes) {
  for (size_t i = 0; i < given.size(); ++i) {
    const Argument &argument = compiled.arguments[i];
    if (!given[i]) {
      if (argument.input >= 0)
        return false;
      continue;
    }
    const Tensor &tensor = *given[i];
    const bool isOffsets = argument.shape == Shape::Offsets;
    if (!isPlain(tensor) || tensor.scalar_type() != (isOffsets ? at::kLong : at::kFloat) ||
        (tensor.requires_grad() && !argument.hasGradient))
      return false;
    const int64_t size = tensor.numel() - isOffsets;
    int64_t &known = sizes.of(argument.shape);
    if (known != size && known != -1)
      return false;
    known = size;
  }
  const int64_t most = std::max({sizes.pairs, sizes.tokens[0], sizes.tokens[1]});
  return sizes.pairs >= 0 && most <= runtime::kMostPairs;
}

/// Offsets rise from 0 to the number of tokens.
bool areOffsets(const int64_t *offsets, int64_t pairs, int64_t tokens) {
  bool rising = offsets[0] == 0 && (tokens == -1 || offsets[pairs] == tokens);
  for (int64_t i = 0; i < pairs; ++i)
    rising &= offsets[i] <= offsets[i + 1];
  return rising;
}

/// The loss as a new reference, or null for the general path.
PyObject *evaluate(const Compiled &compiled, const Given &given, double progress,
                   const double *states) {
  Sizes sizes;
  if (!readSizes(compiled, given, sizes) || isObserved())
    return nullptr;
  const runtime::Signature &signature = compiled.kernel.signature;
  c10::SmallVector<const void *, 8> reads(signature.inputs.size());
  c10::SmallVector<float *, 4> writes(signature.gradients.size(), nullptr);
  c10::SmallVector<Tensor, 2> variables;
  trainer::Gradients gradients;
  c10::SmallVector<Tensor, 2> unwanted; // gradients that the kernel writes and nobody reads
  const bool differentiates = at::GradMode::is_enabled();
  for (size_t i = 0; i < given.size(); ++i) {
    const Argument &argument = compiled.arguments[i];
    if (argument.input < 0)
      continue;
    const Tensor &tensor = *given[i];
    reads[size_t(argument.input)] = tensor.const_data_ptr();
    if (argument.shape == Shape::Offsets &&
        !areOffsets(tensor.const_data_ptr<int64_t>(), sizes.pairs,
                    sizes.tokens[argument.name == runtime::kRejectedOffsets]))
      return nullptr;
    if (argument.gradient < 0)
      continue;
    Tensor gradient = at::detail::empty_cpu({sizes.of(argument.shape)}, at::kFloat);
    writes[size_t(argument.gradient)] = gradient.mutable_data_ptr<float>();
    if (differentiates && tensor.requires_grad()) {
      variables.push_back(tensor);
      gradients.push_back(std::move(gradient));
    } else {
      unwanted.push_back(std::move(gradient));
    }
  }
  // The kernel writes zeros for the policy's inputs that it does not read.
  for (float *&write : writes)
    if (!write)
      write = unwanted.emplace_back(at::detail::empty_cpu({sizes.pairs}, at::kFloat))
                  .mutable_data_ptr<float>();

  c10::SmallVector<float, 8> numbers(compiled.parameters.begin(), compiled.parameters.end());
  numbers.append(states, states + compiled.initialStates.size());
  numbers.push_back(float(progress));
  Tensor loss = at::detail::empty_cpu({}, at::kFloat);
  const auto run = [&] {
    compiled.kernel.gradient(reads.data(), numbers.data(), sizes.pairs,
                             loss.mutable_data_ptr<float>(), writes.data(),
                             trainer::inTorchThreads);
  };
  if (sizes.pairs < kReleasePairs) {
    run();
  } else {
    pybind11::gil_scoped_release released;
    run();
  }
  if (!variables.empty())
    loss = trainer::withGradients(std::move(loss), variables, std::move(gradients));
  return THPVariable_Wrap(std::move(loss));
}

//===----------------------------------------------------------------------===//
// The Python type
//===----------------------------------------------------------------------===//

/// The position of a keyword among the names; both are interned, unless the caller made the
/// keyword's text at run time.
size_t positionOf(const Caller &self, PyObject *keyword) {
  const size_t count = self.compiled->arguments.size() + 2;
  const auto same = std::find(self.names, self.names + count, keyword);
  if (same != self.names + count)
    return size_t(same - self.names);
  return size_t(
      std::find_if(self.names, self.names + count,
                   [&](PyObject *name) { return PyUnicode_Compare(name, keyword) == 0; }) -
      self.names);
}

/// The states before the step, in order; false where the dictionary lacks one or has another type.
bool readStates(const Compiled &compiled, PyObject *dictionary, double *states) {
  if (!PyDict_CheckExact(dictionary))
    return false;
  for (const dsl::State &state : compiled.program.states) {
    PyObject *value = PyDict_GetItemString(dictionary, state.name.c_str());
    if (!value || !PyFloat_CheckExact(value))
      return false;
    *states++ = PyFloat_AS_DOUBLE(value);
  }
  return size_t(PyDict_GET_SIZE(dictionary)) == compiled.program.states.size();
}

PyObject *call(PyObject *object, PyObject *const *arguments, size_t flags, PyObject *keywords) {
  HANDLE_TH_ERRORS
  const Caller &self = *reinterpret_cast<Caller *>(object);
  const Compiled &compiled = *self.compiled;
  const size_t known = compiled.arguments.size();
  const auto positional = size_t(PyVectorcall_NARGS(flags));
  const size_t all = positional + (keywords ? size_t(PyTuple_GET_SIZE(keywords)) : 0);
  Given given(known, nullptr);
  double progress = 0;
  c10::SmallVector<double, 4> states(compiled.initialStates.begin(), compiled.initialStates.end());
  bool isOrdinary = positional <= known;
  for (size_t i = 0; i < all && isOrdinary; ++i) {
    PyObject *value = arguments[i];
    const size_t place =
        i < positional ? i
                       : positionOf(self, PyTuple_GET_ITEM(keywords, Py_ssize_t(i - positional)));
    if (value == Py_None)
      continue;
    if (place < known) {
      isOrdinary = THPVariable_CheckExact(value) && !given[place];
      if (isOrdinary)
        given[place] = &THPVariable_Unpack(value);
    } else if (place == known) {
      isOrdinary = PyFloat_CheckExact(value);
      progress = isOrdinary ? PyFloat_AS_DOUBLE(value) : 0;
    } else {
      isOrdinary = place == known + 1 && readStates(compiled, value, states.data());
    }
  }
  if (isOrdinary && progress >= 0 && progress < 1)
    if (PyObject *loss = evaluate(compiled, given, progress, states.data()))
      return loss;
  Py_RETURN_NOTIMPLEMENTED;
  END_HANDLE_TH_ERRORS
}

PyObject *create(PyTypeObject *type, PyObject *arguments, PyObject *) {
  PyObject *owner = nullptr;
  if (!PyArg_ParseTuple(arguments, "O:Caller", &owner))
    return nullptr;
  PyObject *capsule = PyObject_CallMethod(owner, "capsule", nullptr);
  if (!capsule)
    return nullptr;
  const auto *compiled = static_cast<const Compiled *>(PyCapsule_GetPointer(capsule, kCapsule));
  Py_DECREF(capsule);
  auto *self = compiled ? reinterpret_cast<Caller *>(type->tp_alloc(type, 0)) : nullptr;
  if (!self)
    return nullptr;
  self->call = call;
  self->owner = Py_NewRef(owner);
  self->compiled = compiled;
  self->names = new PyObject *[compiled->arguments.size() + 2];
  PyObject **name = self->names;
  for (const Argument &argument : compiled->arguments)
    *name++ = PyUnicode_InternFromString(argument.name.c_str());
  *name++ = PyUnicode_InternFromString("progress");
  *name++ = PyUnicode_InternFromString("states");
  return reinterpret_cast<PyObject *>(self);
}

void destroy(PyObject *object) {
  auto *self = reinterpret_cast<Caller *>(object);
  for (size_t i = 0; i < self->compiled->arguments.size() + 2; ++i)
    Py_XDECREF(self->names[i]);
  delete[] self->names;
  Py_DECREF(self->owner);
  PyTypeObject *type = Py_TYPE(object);
  type->tp_free(object);
  Py_DECREF(type);
}

PyMemberDef members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Caller, call), READONLY, nullptr}, {}};
PyType_Slot slots[] = {
    {Py_tp_doc, const_cast<char *>("Caller(compiled): the loss of a call, or NotImplemented.")},
    {Py_tp_new, reinterpret_cast<void *>(create)},
    {Py_tp_dealloc, reinterpret_cast<void *>(destroy)},
    {Py_tp_call, reinterpret_cast<void *>(PyVectorcall_Call)},
    {Py_tp_members, members},
    {0, nullptr}};
PyType_Spec spec = {"disco._fast.Caller", sizeof(Caller), 0,
                    Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL, slots};
PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "disco._fast", nullptr, -1, nullptr, nullptr, nullptr, nullptr, nullptr};

} // namespace

PyMODINIT_FUNC PyInit__fast() {
  PyObject *module = PyModule_Create(&definition);
  PyObject *type = module ? PyType_FromSpec(&spec) : nullptr;
  if (type && PyModule_AddObjectRef(module, "Caller", type) != 0)
    Py_CLEAR(module);
  if (!type)
    Py_CLEAR(module);
  Py_XDECREF(type);
  return module;
}
