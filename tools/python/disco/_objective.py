"""A compiled objective as something to call."""

import dataclasses
from collections.abc import Mapping
from numbers import Real

import torch
from torch import Tensor
from torch.autograd import forward_ad

from disco import _core, _operators


@dataclasses.dataclass(frozen=True)
class Report:
    """What an objective says of a batch besides its loss."""

    losses: Tensor  # [pairs]
    chosen_rewards: Tensor  # [pairs]
    rejected_rewards: Tensor  # [pairs]
    metrics: dict[str, float]  # mean over the pairs


class Objective:
    """A compiled objective with its parameters set; make it with disco.compile.

    Called with log-probabilities, one per pair and summed over tokens, it gives the mean loss, a
    scalar that is differentiable with respect to the policy's inputs:

        loss = objective(policy_chosen, policy_rejected, reference_chosen, reference_rejected)

    All inputs are float32 tensors [pairs] on the CPU (or all float64, for gradient checking).
    What the objective does not read may be left out; what else it reads comes by name:

    - `chosen_length`, `rejected_length` [pairs], and its columns by their names [pairs]
    - per token, pair after pair: `policy_chosen_token_logps` [all chosen tokens], ..., with
      `chosen_token_offsets`, `rejected_token_offsets`: int64 [pairs + 1], where each pair begins
    - `progress`: the fraction of the optimiser steps that are done
    - `states`: the values of its states before this step, as `next` gave them

    Inside torch.compile, where Python numbers are constants, `progress` and the values of `states`
    may be tensors [] instead.
    """

    def __init__(self, compiled: _core.Compiled):
        self._key: int = compiled.key
        self.name: str = compiled.name
        self.parameters = dict(zip(compiled.parameter_names, compiled.parameters))
        self.columns: tuple[str, ...] = tuple(compiled.column_names)
        self.metrics: tuple[str, ...] = tuple(compiled.metric_names)
        #: Values of the states before the first step.
        self.initial_states = dict(zip(compiled.state_names, compiled.initial_states))
        #: Identity of the compiled code.
        self.code_hash: str = compiled.code_hash
        #: Whether the loss reads a reference model.
        self.needs_reference: bool = compiled.needs_reference
        #: Whether the loss of a pair depends on the others, as means over the batch make it.
        self.couples_pairs: bool = compiled.couples_pairs
        self._arguments = {
            a.name: (a.shape, a.has_gradient, a.default) for a in compiled.arguments
        }
        names = list(self._arguments)
        #: The arrays that it reads, in the order of its kernel.
        self.inputs = tuple(names[i] for i in compiled.kernel_arguments)
        self._step_inputs = tuple(names[i] for i in compiled.step_arguments)
        # The operators know the kernel by its key while these live.
        self._compiled = compiled
        self._layout = _operators.enlist(compiled)
        self._fast = _operators.Caller(compiled)

    def __repr__(self) -> str:
        settings = "".join(f", {name}={value:g}" for name, value in self.parameters.items())
        return f"<disco objective {self.name}{settings}>"

    def __call__(
        self,
        policy_chosen_logps: Tensor | None = None,
        policy_rejected_logps: Tensor | None = None,
        reference_chosen_logps: Tensor | None = None,
        reference_rejected_logps: Tensor | None = None,
        **inputs,
    ) -> Tensor:
        """The mean loss over the pairs, [], under autograd. See the class for the inputs."""
        if not torch.compiler.is_compiling():
            loss = self._fast(
                policy_chosen_logps,
                policy_rejected_logps,
                reference_chosen_logps,
                reference_rejected_logps,
                **inputs,
            )
            if loss is not NotImplemented:
                return loss
        arrays, numbers = self._gather(
            self.inputs,
            inputs,
            policy_chosen_logps,
            policy_rejected_logps,
            reference_chosen_logps,
            reference_rejected_logps,
        )
        if isinstance(numbers, Tensor):
            return _operators.loss_and_gradients_at(arrays, self._key, numbers)[0]
        return _operators.loss_and_gradients(arrays, self._key, numbers)[0]

    def report(self, *logps: Tensor, **inputs) -> Report:
        """Losses, rewards and metrics of a batch; takes what a call takes."""
        arrays, numbers = self._gather(self.inputs, inputs, *logps)
        with torch.no_grad():
            losses, chosen, rejected, metrics = _operators.report(
                arrays, self._key, _listed_numbers(numbers)
            )
        return Report(losses, chosen, rejected, dict(zip(self.metrics, metrics.tolist())))

    def next(self, *logps: Tensor, **inputs) -> dict[str, float]:
        """The states after the step on this batch, for the next call's `states`."""
        if not self.initial_states:
            return {}
        arrays, numbers = self._gather(self._step_inputs, inputs, *logps)
        with torch.no_grad():
            values = _operators.next_states(arrays, self._key, _listed_numbers(numbers))
        return dict(zip(self.initial_states, values.tolist()))

    # What follows is the general path: it checks, and explains what is wrong.

    def _gather(self, wanted: tuple[str, ...], inputs: dict, *logps):
        """The arrays of these names, checked, and the kernel's numbers."""
        inputs = dict(inputs)
        progress = inputs.pop("progress", None)
        numbers = self._numbers(progress, inputs.pop("states", None))
        if len(logps) > 4:
            raise TypeError(f"at most 4 inputs are positional, got {len(logps)}")
        for name, value in zip(self._arguments, logps):
            if inputs.get(name) is not None:
                raise TypeError(f"input `{name}` is given twice")
            inputs[name] = value
        given = {name: value for name, value in inputs.items() if value is not None}
        self._check(given)
        missing = [n for n in wanted if n not in given and self._arguments[n][2] is None]
        if missing:
            raise TypeError(f"objective `{self.name}` also reads {_listed(missing)}")
        for name in wanted:
            if name not in given:
                given[name] = self._filled(given, self._arguments[name][2])
        return [given[name] for name in wanted], numbers

    def _filled(self, given: dict[str, Tensor], value: float) -> Tensor:
        """A column [pairs] that the call left out."""
        real = next(x for x in given.values() if x.is_floating_point())
        for name, x in given.items():
            shape = self._arguments[name][0]
            if shape.startswith("pairs"):
                return real.new_full((x.shape[0] - int(shape == "pairs + 1"),), value)
        raise TypeError(f"nothing says how many pairs objective `{self.name}` is called with")

    def _numbers(self, progress, states: Mapping | None) -> list[float] | Tensor:
        """Parameters, states and progress: a tensor if one of them is."""
        progress = 0.0 if progress is None else progress
        _check_number("`progress`", progress)
        values = self.initial_states if states is None else states
        if not isinstance(values, Mapping):
            raise TypeError(f"`states` is {type(values).__name__}, expected a dictionary")
        for name, value in values.items():
            _check_number(f"state `{name}`", value)
        if set(values) != set(self.initial_states):
            raise ValueError(
                f"`states` has {_listed(values)}, objective `{self.name}` keeps "
                f"{_listed(self.initial_states)}"
            )
        numbers = [*self.parameters.values()]
        numbers += [values[name] for name in self.initial_states]
        numbers += [progress]
        if any(isinstance(x, Tensor) for x in numbers):
            return torch.stack([torch.as_tensor(x, dtype=torch.float64) for x in numbers]).detach()
        if not 0 <= progress < 1:
            raise ValueError(f"`progress` is {progress:g}, expected a number in [0, 1)")
        return [float(x) for x in numbers]

    def _check(self, given: dict[str, Tensor]) -> None:
        dtype = None
        sizes: dict[str, tuple[str, int]] = {}  # by what is counted: who said it first
        for name, x in given.items():
            if name not in self._arguments:
                raise TypeError(f"objective `{self.name}` has no input `{name}`")
            shape, has_gradient, _ = self._arguments[name]
            if not isinstance(x, Tensor):
                raise TypeError(f"input `{name}` is {type(x).__name__}, expected a tensor")
            if x.layout != torch.strided or x.is_nested:
                what = "nested" if x.is_nested else x.layout
                raise TypeError(f"input `{name}` is {what}, expected a dense tensor")
            if x.dim() != 1:
                raise ValueError(
                    f"input `{name}` has shape {list(x.shape)}, expected [{shape}]"
                )
            if x.device.type != "cpu":
                raise ValueError(
                    f"input `{name}` is on {x.device}; objectives of this package run on the CPU"
                )
            if shape == "pairs + 1":
                self._check_offsets(name, x)
            elif x.dtype not in (torch.float32, torch.float64):
                raise TypeError(
                    f"input `{name}` is {x.dtype}, expected torch.float32; call .float()"
                )
            elif dtype not in (None, x.dtype):
                raise TypeError(f"input `{name}` is {x.dtype}, others are {dtype}")
            else:
                dtype = x.dtype
            if x.requires_grad and not has_gradient and torch.is_grad_enabled():
                raise ValueError(
                    f"input `{name}` requires grad, but objectives give gradients to the policy's "
                    "log-probabilities only; detach it"
                )
            if _has_tangent(x):
                raise RuntimeError(
                    f"input `{name}` has a forward-mode tangent, but objectives give gradients by "
                    "backward only; use torch.autograd.grad"
                )
            counted = "pairs" if shape == "pairs + 1" else shape
            size = x.shape[0] - int(shape == "pairs + 1")
            if size > _core.MOST_PAIRS:
                raise ValueError(
                    f"input `{name}` has {size} {counted}, at most {_core.MOST_PAIRS} are "
                    "evaluated at once"
                )
            said, known = sizes.setdefault(counted, (name, size))
            if size != known:
                raise ValueError(
                    f"input `{name}` has {size} {counted}, but `{said}` has {known}"
                )

    @staticmethod
    def _check_offsets(name: str, offsets: Tensor) -> None:
        if offsets.dtype != torch.int64:
            raise TypeError(f"input `{name}` is {offsets.dtype}, expected torch.int64")
        if offsets.shape[0] == 0:
            raise ValueError(f"input `{name}` is empty, expected [pairs + 1]")


def _check_number(what: str, value) -> None:
    """Numbers, and tensors of one number, as tracing needs them."""
    if isinstance(value, Tensor):
        if value.dim() != 0:
            raise ValueError(f"{what} has shape {list(value.shape)}, expected one number")
    elif not isinstance(value, Real):
        raise TypeError(f"{what} is {type(value).__name__}, expected a number")


def _has_tangent(x: Tensor) -> bool:
    if torch.compiler.is_compiling() or forward_ad._current_level < 0:
        return False
    return forward_ad.unpack_dual(x).tangent is not None


def _listed_numbers(numbers: list[float] | Tensor) -> list[float]:
    return numbers.tolist() if isinstance(numbers, Tensor) else numbers


def _listed(names) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"
