# Batches of preference pairs for the oracles: token log-probabilities of both sides as padded
# tensors in float64, from which everything else a formula reads is computed by torch. The numbers
# are multiples of 2^-10, so that sums over tokens are exact and the same in every engine.
import math
import types

import torch

SIDES = ("chosen", "rejected")
STEP = 2.0**-10


class Pairs:
    """One batch. `policy[side]` [B, T] are the leaves that gradients are taken with respect to;
    `mask[side]` [B, T] marks the tokens that exist. Short names are those of the catalogue:
    a, b policy sums (chosen, rejected), ra, rb reference sums, u, v ratios, rho the margin,
    la, lb lengths. `kl[side]` [B, T] is the vocabulary KL of each token, a leaf as well."""

    def __init__(self, name, policy, reference, kl, columns):
        self.name = name
        self.mask = {side: ~torch.isnan(policy[side]) for side in SIDES}
        zero = {s: torch.zeros_like(policy[s]) for s in SIDES}
        self.policy, self.reference, self.kl = (
            {s: torch.where(self.mask[s], x[s], zero[s]) for s in SIDES}
            for x in (policy, reference, kl)
        )
        self.columns = columns
        self.size = policy["chosen"].shape[0]

    def leaves(self):
        """A copy whose policy log-probabilities and KLs require gradient."""
        copy = types.SimpleNamespace(**self.__dict__)
        copy.policy = {s: self.policy[s].clone().requires_grad_() for s in SIDES}
        copy.kl = {s: self.kl[s].clone().requires_grad_() for s in SIDES}
        return View(copy)

    def lengths(self, side):
        return self.mask[side].sum(1)

    def json(self, columns=(), tokens=False, states=None):
        """The batch as `discoc --run` reads it, of tokens and columns what is asked for."""

        def by_token(values, side):
            return [row[m].tolist() for row, m in zip(values, self.mask[side])]

        batch = {}
        for side in SIDES:
            batch[f"policy_{side}_logps"] = self.policy[side].sum(1).tolist()
            batch[f"reference_{side}_logps"] = self.reference[side].sum(1).tolist()
            batch[f"{side}_length"] = self.lengths(side).tolist()
            if tokens:
                batch[f"policy_{side}_token_logps"] = by_token(self.policy[side], side)
                batch[f"reference_{side}_token_logps"] = by_token(self.reference[side], side)
                batch[f"{side}_token_kl"] = by_token(self.kl[side], side)
        if columns:
            batch["columns"] = {name: self.columns[name].tolist() for name in columns}
        if states:
            batch["states"] = states
        return batch


class View:
    """What a formula reads: a batch's leaves and the sums, ratios and lengths made from them."""

    def __init__(self, batch):
        self.size, self.columns = batch.size, batch.columns
        self.policy, self.reference = batch.policy, batch.reference
        self.mask, self.kl = batch.mask, batch.kl
        self.a, self.b = (self.policy[s].sum(1) for s in SIDES)
        self.ra, self.rb = (self.reference[s].sum(1) for s in SIDES)
        self.u, self.v = self.a - self.ra, self.b - self.rb
        self.rho = self.u - self.v
        self.la, self.lb = (self.mask[s].sum(1).to(torch.float64) for s in SIDES)

    def column(self, name):
        return self.columns[name]


def ragged(generator, rows, lengths, spread):
    """[B, T] log-probabilities, exponential with mean -spread, NaN where there is no token."""
    width = max(lengths)
    raw = -torch.empty(rows, width).double().exponential_(1 / spread, generator=generator)
    raw = torch.clamp(torch.round(raw / STEP), max=-1) * STEP
    raw[torch.arange(width) >= torch.tensor(lengths)[:, None]] = math.nan
    return raw


def make(name, seed, size, lengths, spread, drift, columns):
    """A batch whose reference is the policy plus `drift` times noise a token (0: the policy)."""
    generator = torch.Generator().manual_seed(seed)
    draw = lambda n: torch.randint(lengths[0], lengths[1] + 1, (n,), generator=generator).tolist()
    policy, reference, kl = {}, {}, {}
    for side in SIDES:
        policy[side] = ragged(generator, size, draw(size), spread)
        noise = torch.randn(policy[side].shape, dtype=torch.float64, generator=generator) * drift
        moved = torch.round((policy[side] + noise) / STEP) * STEP
        reference[side] = torch.where(moved < 0, moved, policy[side])
        kl[side] = torch.round(torch.rand(moved.shape, generator=generator).double() / STEP) * STEP
        if not drift:
            kl[side].zero_()
    made = {}
    for key, kind in columns.items():
        unit = torch.rand(size, dtype=torch.float64, generator=generator)
        made[key] = torch.round(kind(unit) / STEP) * STEP
    return Pairs(name, policy, reference, kl, made)


def shifted(batch, name, offsets):
    """The batch with pair i's margin moved by about `offsets[i]`: a negative one lowers its chosen
    log-probabilities, a positive one its rejected ones, evenly over the tokens."""
    policy = {s: batch.policy[s].clone() for s in SIDES}
    for i, offset in enumerate(offsets):
        side = "chosen" if offset < 0 else "rejected"
        count = int(batch.lengths(side)[i])
        policy[side][i, :count] -= math.ceil(abs(offset) / count)
    nan = {s: torch.where(batch.mask[s], policy[s], math.nan) for s in SIDES}
    return Pairs(name, nan, batch.reference, batch.kl, batch.columns)


def repeated(batch, name, times):
    """`times` copies of every pair: statistics see equal values and sorting sees ties."""
    again = lambda x: {s: x[s].repeat(times, 1) for s in SIDES}
    nan = {s: torch.where(batch.mask[s], batch.policy[s], math.nan) for s in SIDES}
    columns = {k: v.repeat(times) for k, v in batch.columns.items()}
    return Pairs(name, again(nan), again(batch.reference), again(batch.kl), columns)


def all_batches(columns):
    """The batches every objective is compared on; `columns` maps a name to what makes its values
    from uniform ones."""
    typical = [make(f"{n} pairs", 10 + n, n, (1, 40), 1.0, 0.25, columns) for n in (1, 2, 3, 7, 16)]
    start = [make(f"start, {n}", 40 + n, n, (2, 12), 1.0, 0.0, columns) for n in (1, 3, 7)]
    short = make("one token", 70, 3, (1, 1), 2.0, 0.5, columns)
    wide = make("8 pairs", 71, 8, (3, 20), 1.0, 0.1, columns)
    extreme = shifted(wide, "extreme", [-600, -90, -40, -8, 8, 40, 90, 600])
    equal = repeated(typical[1], "equal pairs", 2)
    return typical + start + [short, extreme, equal]


def drifting(steps, columns):
    """Batches of a training run: the policy starts at the reference and moves away from it."""
    return [
        make(f"step {i}", 100 + i, 3 + i % 3, (2, 10), 1.0, 0.05 * i, columns) for i in range(steps)
    ]
