"""The operators of `_core` as torch knows them: shapes for tracing, derivatives, and the fast path.

`torch.ops.disco.loss_and_gradients(inputs, kernel, numbers)` gives the mean loss [] and its
gradients, end to end, of the inputs that have one. `inputs` are in the kernel's order, `numbers`
are its parameters, states and the progress. `loss_and_gradients_at` takes them as a tensor: numbers
are constants of a compiled graph, a tensor may change from step to step.
"""

import dataclasses
import weakref

import torch

from disco import _build, _core


@dataclasses.dataclass(frozen=True)
class Layout:
    """The shapes of a kernel."""

    arguments: list[tuple[str, bool]]  # in its order: shape, whether it gets a gradient
    metrics: int
    states: int


# By key, for as long as an objective holds them.
_LAYOUTS: weakref.WeakValueDictionary[int, Layout] = weakref.WeakValueDictionary()


def enlist(compiled: _core.Compiled) -> Layout:
    """Makes the shapes of a kernel known to the functions below while the result is kept."""
    arguments = [compiled.arguments[i] for i in compiled.kernel_arguments]
    layout = Layout(
        [(a.shape, a.gradient >= 0) for a in arguments],
        len(compiled.metric_names),
        len(compiled.state_names),
    )
    return _LAYOUTS.setdefault(compiled.key, layout)


def _layout(kernel: int) -> Layout:
    try:
        return _LAYOUTS[kernel]
    except KeyError:
        raise RuntimeError(
            f"no objective of key {kernel} in this process; call disco.compile before, and keep "
            "what it gives"
        ) from None


def _first(inputs, kernel):
    """The first array that is no offsets, and the number of pairs."""
    shapes = [shape for shape, _ in _layout(kernel).arguments]
    real = next(x for x, shape in zip(inputs, shapes) if shape != "pairs + 1")
    for x, shape in zip(inputs, shapes):
        if shape.startswith("pairs"):
            return real, x.shape[0] - int(shape == "pairs + 1")
    return real, real.shape[0]


torch.library.define(
    "disco::loss_and_gradients_at",
    "(Tensor[] inputs, int kernel, Tensor numbers) -> (Tensor, Tensor)",
)


@torch.library.impl("disco::loss_and_gradients_at", "CPU")
def _at(inputs, kernel, numbers):
    return loss_and_gradients(inputs, kernel, numbers.tolist())


@torch.library.register_fake("disco::loss_and_gradients_at")
@torch.library.register_fake("disco::loss_and_gradients")
def _loss_shapes(inputs, kernel, numbers):
    real, _ = _first(inputs, kernel)
    arguments = _layout(kernel).arguments
    size = sum(x.shape[0] for x, (_, wanted) in zip(inputs, arguments) if wanted)
    return real.new_empty(()), real.new_empty((size,))


@torch.library.register_fake("disco::report")
def _report_shapes(inputs, kernel, numbers):
    real, pairs = _first(inputs, kernel)
    metrics = real.new_empty((_layout(kernel).metrics,))
    return (*(real.new_empty((pairs,)) for _ in range(3)), metrics)


@torch.library.register_fake("disco::next_states")
def _next_shapes(inputs, kernel, numbers):
    return inputs[0].new_empty((_layout(kernel).states,), dtype=torch.float64)


def _keep(ctx, inputs, output):
    arrays, kernel, _ = inputs
    ctx.mark_non_differentiable(output[1])
    ctx.save_for_backward(output[1])
    ctx.count = len(arrays)
    ctx.places = [i for i, (_, wanted) in enumerate(_layout(kernel).arguments) if wanted]
    ctx.sizes = [arrays[i].shape[0] for i in ctx.places]


def _scaled(ctx, scale):
    """The gradient of each input, None where there is none."""
    if torch.is_grad_enabled():
        raise RuntimeError(
            "objective kernels have no second derivatives; call backward without create_graph"
        )
    (gradients,) = ctx.saved_tensors
    scaled = [None] * ctx.count
    parts = (gradients * scale).split_with_sizes(ctx.sizes)
    for place, part in zip(ctx.places, parts):
        scaled[place] = part
    return scaled


loss_and_gradients = torch.ops.disco.loss_and_gradients.default
report = torch.ops.disco.report.default
next_states = torch.ops.disco.next_states.default
loss_and_gradients_at = torch.ops.disco.loss_and_gradients_at.default
for _operator in (loss_and_gradients, loss_and_gradients_at):
    torch.library.register_autograd(
        _operator, lambda ctx, scale, _: (_scaled(ctx, scale), None, None), setup_context=_keep
    )


class _Loss(torch.autograd.Function):
    """The operator with one node of the graph, for a third of what the one above costs."""

    @staticmethod
    def forward(ctx, kernel, numbers, places, *inputs):
        with torch._C._AutoDispatchBelowAutograd():
            loss, gradients = loss_and_gradients(inputs, kernel, numbers)
        ctx.save_for_backward(gradients)
        ctx.count = len(inputs)
        ctx.places = places
        ctx.sizes = [inputs[i].shape[0] for i in places]
        return loss

    @staticmethod
    def backward(ctx, scale):
        return None, None, None, *_scaled(ctx, scale)


class StableCaller:
    """`_fast.Caller` for every torch: the loss of an ordinary call, or NotImplemented."""

    _PLAIN = (torch.Tensor, torch.nn.Parameter)

    def __init__(self, compiled: _core.Compiled):
        arguments = [compiled.arguments[i] for i in compiled.kernel_arguments]
        self._key = compiled.key
        self._numbers = [*compiled.parameters, *compiled.initial_states, 0.0]
        self._positional = [argument.name for argument in compiled.arguments[:4]]
        self._inputs = [argument.name for argument in arguments]
        self._gives = [argument.gradient >= 0 for argument in arguments]
        self._places = [i for i, gives in enumerate(self._gives) if gives]

    def __call__(self, *logps, **inputs):
        if inputs or self._inputs != self._positional:
            given = {n: x for n, x in zip(self._positional, logps) if x is not None} | inputs
            if given.keys() != set(self._inputs):
                return NotImplemented
            logps = [given[name] for name in self._inputs]
        for x, gives in zip(logps, self._gives):
            if type(x) not in self._PLAIN or not x.is_cpu or (x.requires_grad and not gives):
                return NotImplemented
        try:
            return _Loss.apply(self._key, self._numbers, self._places, *logps)
        except RuntimeError:
            return NotImplemented  # the general path says what is wrong


try:
    if torch.__version__.split("+")[0] != _build.TORCH:
        raise ImportError("built for another torch")
    from disco._fast import Caller

    BACKEND = "autograd"  # the C++ autograd function of this torch
except ImportError:
    Caller = StableCaller
    BACKEND = "stable"  # torch's stable ABI
