# What an oracle is and the list of them. A formula is written from the paper or the published code,
# never from the .dpo file, and computes the per-pair losses of a batch with torch.
import dataclasses
from typing import Callable

import torch

ORACLES = {}
# Constants that formulas and trainers turn into tensors keep their digits.
torch.set_default_dtype(torch.float64)


@dataclasses.dataclass
class Oracle:
    name: str
    source: str  # the paper and equation, or the code, that the formula is written from
    formula: Callable  # (View, parameters[, state]) -> losses [B], or (losses, next state)
    defaults: dict  # every parameter of the objective; the first comparison sets none of them
    settings: list  # further values: dictionaries over the defaults
    state: dict | None  # initial values, for a stateful objective
    tokens: bool  # reads numbers of single tokens
    columns: dict  # name -> function from uniform values to the column's values


def oracle(name, source, *, settings=(), state=None, tokens=False, columns=None, **defaults):
    """Registers a formula; every keyword left is a parameter of the objective and its default."""

    def register(formula):
        assert name not in ORACLES, name
        further = list(settings), state, tokens, columns or {}
        ORACLES[name] = Oracle(name, source, formula, defaults, *further)
        return formula

    return register


def softplus(x):
    """log(1 + e^x), exact to rounding for every x."""
    return torch.logaddexp(x, torch.zeros_like(x))


def std(x):
    """Unbiased, 0 for one pair and with gradient 0 for equal pairs, as the language defines it."""
    if len(x) < 2 or bool((x == x[0]).all()):
        return torch.zeros((), dtype=x.dtype)
    return x.std()


def var(x):
    return x.var() if len(x) > 1 else torch.zeros((), dtype=x.dtype)
