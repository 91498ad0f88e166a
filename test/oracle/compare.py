# What "agree" means: results within 1e-9 of each other (1e-4 in float32), relative to the number
# itself, and within some roundings of the largest term that led to it.
import math
import types

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pairs import SIDES

RELATIVE = {torch.float64: 1e-9, torch.float32: 1e-4}
ROUNDINGS = {torch.float64: 256, torch.float32: 16}


class Magnitudes(TorchDispatchMode):
    """Records, per pair, the largest finite value that any operation gives while this is entered; a
    batch value counts for every pair."""

    def __init__(self, pairs):
        super().__init__()
        self.pairs, self.largest = pairs, torch.ones(pairs, dtype=torch.float64)

    def __torch_dispatch__(self, function, kinds, arguments=(), keywords=None):
        out = function(*arguments, **(keywords or {}))
        for tensor in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and tensor.numel():
                self.note(tensor.detach())
        return out

    def note(self, tensor):
        with torch._C._DisableTorchDispatch():
            finite = torch.nan_to_num(tensor.double().abs(), 0.0, 0.0, 0.0)
            row = (
                finite.reshape(self.pairs, -1).amax(1)
                if tensor.shape[:1] == (self.pairs,)
                else finite.max()
            )
            self.largest = torch.maximum(self.largest, row)


def evaluate(formula, batch, parameters, *state):
    """Losses per pair, their mean, its gradient by every token, the next state, and magnitudes."""
    view = batch.leaves()
    forward, backward = Magnitudes(batch.size), Magnitudes(batch.size)
    with forward:
        out = formula(view, parameters, *state)
    losses, following = out if isinstance(out, tuple) else (out, {})
    whole = losses.dim() == 0
    loss = losses if whole else losses.mean()
    leaves = [view.policy[s] for s in SIDES] + [view.kl[s] for s in SIDES]
    with backward:
        gradients = torch.autograd.grad(loss, leaves, allow_unused=True)
    full = [torch.zeros_like(x) if g is None else g.clone() for g, x in zip(gradients, leaves)]
    return types.SimpleNamespace(
        loss=loss.detach(),
        losses=None if whole else losses.detach(),
        gradients=dict(zip(SIDES, full)),
        kl_gradients=dict(zip(SIDES, full[2:])),
        next={k: float(v) for k, v in following.items()},
        forward=forward.largest,
        backward=backward.largest,
    )


def mismatch(got, want, magnitude, dtype=torch.float64, mask=None):
    """None, or a text that names the first element that disagrees. Non-finite numbers agree with
    their like."""
    got, want = (torch.as_tensor(x, dtype=torch.float64) for x in (got, want))
    if got.shape != want.shape:
        return f"shape {tuple(got.shape)} instead of {tuple(want.shape)}"
    bound = RELATIVE[dtype] * want.abs() + ROUNDINGS[dtype] * torch.finfo(dtype).eps * magnitude
    near = ((got - want).abs() <= bound) & want.isfinite()
    same = (got == want) | (got.isnan() & want.isnan()) | near
    if mask is not None:
        same = same | ~mask
    if bool(same.all()):
        return None
    at = tuple(int(i) for i in (~same).nonzero()[0])
    where = f" at {at if len(at) > 1 else at[0]}" if at else ""
    return f"{float(got[at])!r} instead of {float(want[at])!r}{where}"


def differences(got, want, batch, dtype=torch.float64):
    """(what, text) of all that disagrees between two evaluations; `want` is the oracle's."""
    found = [("loss", mismatch(got.loss, want.loss, want.forward.max(), dtype))]
    if got.losses is not None and want.losses is not None:
        found.append(("losses", mismatch(got.losses, want.losses, want.forward, dtype)))
    for kind in ("gradients", "kl_gradients"):
        for side in SIDES:
            have, wanted = (getattr(x, kind)[side] for x in (got, want))
            text = mismatch(have, wanted, want.backward[:, None], dtype, batch.mask[side])
            found.append((f"{side} {kind}", text))
    for name in sorted(got.next.keys() | want.next.keys()):
        pair = (got.next.get(name, math.nan), want.next.get(name, math.inf))
        found.append((f"next {name}", mismatch(*pair, want.forward.max(), dtype)))
    return [(what, text) for what, text in found if text]
