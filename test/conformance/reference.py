"""The language once more, in mpmath: expressions as trees, their text, and their values and
gradients with 150 digits. Nothing of Disco is used here.

A gradient is a central difference of the mean loss. What the language decides at a point (a
condition, the winner of min and max, an order, a detached value) is decided at the unperturbed
step `at`; where SPEC shares a tie or sets a slope to 0, the formula here says so.
"""

import mpmath as mp

mp.mp.dps = 150
STEP = mp.mpf(10) ** -40
BATCH, PAIR, CHOSEN, REJECTED = range(4)
POLICY = ["policy_chosen_logps", "policy_rejected_logps"]
TOKENS = {
    f"{name}_{side}_token_{what}": CHOSEN if side == "chosen" else REJECTED
    for side in ("chosen", "rejected")
    for name, what in (("policy", "logps"), ("reference", "logps"))
}
TOKENS |= {"chosen_token_index": CHOSEN, "rejected_token_index": REJECTED}
TOKENS |= {"chosen_token_kl": CHOSEN, "rejected_token_kl": REJECTED}
GRADIENT = POLICY + ["policy_chosen_token_logps", "policy_rejected_token_logps",
                     "chosen_token_kl", "rejected_token_kl"]  # fmt: skip
RATIOS = {
    "chosen_ratio": (("policy_chosen_logps", 1), ("reference_chosen_logps", -1)),
    "rejected_ratio": (("policy_rejected_logps", 1), ("reference_rejected_logps", -1)),
    "margin": (("policy_chosen_logps", 1), ("reference_chosen_logps", -1),
               ("policy_rejected_logps", -1), ("reference_rejected_logps", 1)),
}  # fmt: skip


class Step:
    """The numbers of one optimiser step, in mpf; `at` is the unperturbed step."""

    def __init__(self, batch, parameters=None, states=None, at=None):
        self.batch, self.parameters, self.states = batch, parameters or {}, states or {}
        self.at = at or self
        self.memo = {}
        columns = batch.get("columns", {})
        lists = [values for name, values in batch.items() if isinstance(values, list)]
        self.pairs = len((lists + list(columns.values()))[0])
        self.counts = {}
        for name, extent in TOKENS.items():
            if name in batch:
                self.counts[extent] = [len(tokens) for tokens in batch[name]]

    def with_offset(self, name, index, offset):
        batch = dict(self.batch)
        values = [list(v) if isinstance(v, list) else v for v in batch[name]]
        if name in TOKENS:
            pair, token = index
            values[pair][token] = mp.mpf(values[pair][token]) + offset
        else:
            values[index] = mp.mpf(values[index]) + offset
        batch[name] = values
        return Step(batch, self.parameters, self.states, at=self)

    def column(self, name):
        if name in RATIOS:
            parts = [(self.column(part), sign) for part, sign in RATIOS[name]]
            return [mp.fsum(s * c[i] for c, s in parts) for i in range(self.pairs)]
        if name.endswith("_token_index"):
            return [mp.mpf(i) for count in self.counts[TOKENS[name]] for i in range(count)]
        if name in TOKENS:
            return [mp.mpf(x) for tokens in self.batch[name] for x in tokens]
        return [mp.mpf(x) for x in self.batch[name]]

    def spread(self, values, extent, wanted):
        if extent == wanted:
            return values
        if extent == BATCH:
            size = self.pairs if wanted == PAIR else sum(self.counts[wanted])
            return values * size
        return [v for v, count in zip(values, self.counts[wanted]) for _ in range(count)]

    def per_pair(self, values, extent):
        rows, begin = [], 0
        for count in self.counts[extent]:
            rows.append(values[begin : begin + count])
            begin += count
        return rows

    def sizes(self, extent):
        return 1 if extent == BATCH else self.pairs if extent == PAIR else sum(self.counts[extent])


class E:
    """An expression. Python's operators build it; text() writes it with every parenthesis."""

    def __init__(self, op, *args, extent=None, value=None):
        self.op, self.args, self.value = op, args, value
        self.extent = max(a.extent for a in args) if extent is None else extent

    def __add__(self, other):
        return E("+", self, lift(other))

    def __radd__(self, other):
        return E("+", lift(other), self)

    def __sub__(self, other):
        return E("-", self, lift(other))

    def __rsub__(self, other):
        return E("-", lift(other), self)

    def __mul__(self, other):
        return E("*", self, lift(other))

    def __rmul__(self, other):
        return E("*", lift(other), self)

    def __truediv__(self, other):
        return E("/", self, lift(other))

    def __rtruediv__(self, other):
        return E("/", lift(other), self)

    def __pow__(self, other):
        return E("^", self, lift(other))

    def __neg__(self):
        return E("neg", self)

    def compare(self, op, other):
        return E(op, self, lift(other))

    def text(self):
        if self.op == "leaf":
            return self.value
        if self.op == "number":
            return repr(self.value) if self.value >= 0 else f"({self.value!r})"
        texts = [a.text() for a in self.args]
        if self.op == "neg":
            return f"(-{texts[0]})"
        if self.op == "not":
            return f"(not {texts[0]})"
        if not self.op[0].isalpha() or self.op in ("and", "or"):
            return f"({texts[0]} {self.op} {texts[1]})"
        return f"{self.op}({', '.join(texts)})"

    def leaves(self):
        if self.op == "leaf":
            return {self.value}
        return set().union(*(a.leaves() for a in self.args)) if self.args else set()

    def at(self, step):
        return self.of(step.at)

    def of(self, step):
        """One number per item of the extent."""
        if id(self) not in step.memo:
            step.memo[id(self)] = self.compute(step)
        return step.memo[id(self)]

    def compute(self, step):
        if self.op == "number":
            return [mp.mpf(self.value)]
        if self.op == "leaf":
            return leaf(self.value, step)
        if self.op in REDUCTIONS:
            return REDUCTIONS[self.op](self, step)
        args = [step.spread(a.of(step), a.extent, self.extent) for a in self.args]
        points = [step.spread(a.at(step), a.extent, self.extent) for a in self.args]
        rule = POINTWISE[self.op]
        return [rule(*x, *p) for x, p in zip(zip(*args), zip(*points))]


def lift(x):
    return x if isinstance(x, E) else E("number", extent=BATCH, value=x)


def leaf(name, step):
    if name in step.parameters:
        return [mp.mpf(step.parameters[name])]
    if name in step.states:
        return [mp.mpf(step.states[name])]
    if name == "batch_size":
        return [mp.mpf(step.pairs)]
    if name == "progress":
        return [mp.mpf(step.batch.get("progress", 0))]
    if name in step.batch.get("columns", {}):
        return [mp.mpf(x) for x in step.batch["columns"][name]]
    return step.column(name)


def named(name, extent):
    return E("leaf", extent=extent, value=name)


MARGIN = named("margin", PAIR)


def call(name, *args):
    args = [lift(a) for a in args]
    extent = {"b": BATCH, "t": PAIR}.get(name[0]) if name in REDUCTIONS else None
    return E(name, *args, extent=PAIR if name == "batch_sort" else extent)


# --- Element by element: a rule has the values, then the values at the unperturbed step. ---


def real(function):
    """A function that is NaN outside its domain."""

    def rule(x, *_):
        try:
            y = function(x)
        except ZeroDivisionError:
            return mp.nan
        return mp.nan if isinstance(y, mp.mpc) else y

    return rule


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def softplus(x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def divide(x, y, *_):
    if y != 0:
        return x / y
    return mp.nan if x == 0 or mp.isnan(x) else mp.inf * mp.sign(x)


def power(x, p, x0, p0):
    if x0 == 0 and (p0 < 1):  # slope 0
        return mp.mpf(1) if p0 == 0 else mp.mpf(0) if p0 > 0 else mp.inf
    return real(lambda base: base**p)(x) if p0 != 0 else mp.mpf(1)


def smaller(x, y, x0, y0):
    if mp.isnan(x0) or mp.isnan(y0):
        return mp.nan
    return (x + y) / 2 if x0 == y0 else x if x0 < y0 else y  # a tie is shared


def larger(x, y, x0, y0):
    return -smaller(-x, -y, -x0, -y0)


def clamp(x, low, high, x0, low0, high0):
    return low if x0 < low0 else high if x0 > high0 else x


def truth(function):
    return lambda *values: function(*values[len(values) // 2 :])


POINTWISE = {
    "neg": lambda x, _: -x,
    "+": lambda x, y, *_: x + y,
    "-": lambda x, y, *_: x - y,
    "*": lambda x, y, *_: x * y,
    "/": divide,
    "^": power,
    "exp": real(mp.exp),
    "log": real(mp.log),
    "log1p": real(mp.log1p),
    "expm1": real(mp.expm1),
    "sqrt": lambda x, at: mp.mpf(0) if at == 0 else real(mp.sqrt)(x),  # slope 0 at 0
    "abs": lambda x, at: x * mp.sign(at),
    "sign": lambda x, at: mp.sign(at),
    "square": lambda x, _: x * x,
    "tanh": real(mp.tanh),
    "sigmoid": real(sigmoid),
    "softplus": real(softplus),
    "logsigmoid": lambda x, _: -softplus(-x),
    "log1mexp": real(lambda x: mp.log(1 - mp.exp(x))),
    "relu": lambda x, at: mp.mpf(0) if at <= 0 else x,
    "min": smaller,
    "max": larger,
    "clamp": clamp,
    "detach": lambda x, at: at,
    "where": lambda c, x, y, c0, x0, y0: x if c0 else y,
    "<": truth(lambda x, y: x < y),
    "<=": truth(lambda x, y: x <= y),
    ">": truth(lambda x, y: x > y),
    ">=": truth(lambda x, y: x >= y),
    "==": truth(lambda x, y: x == y),
    "!=": truth(lambda x, y: x != y),
    "and": truth(lambda x, y: bool(x and y)),
    "or": truth(lambda x, y: bool(x or y)),
    "not": truth(lambda x: not x),
}

# --- Over the pairs of a step and the tokens of a pair. ---


def mean(xs):
    return mp.fsum(xs) / len(xs)


def var(xs):
    center = mean(xs)
    return mp.fsum((x - center) ** 2 for x in xs) / (len(xs) - 1) if len(xs) > 1 else mp.mpf(0)


def over_pairs(function):
    """function(values, values at the unperturbed step) of the first operand, a pair value."""
    return lambda e, step: function(e.args[0].of(step), e.args[0].at(step))


def std(xs, at):
    return [mp.sqrt(var(xs)) if var(at) != 0 else mp.mpf(0)]


def largest(xs, at):
    ties = [x for x, x0 in zip(xs, at) if x0 == max(at)]
    return [mean(ties)]


def smallest(xs, at):
    return [-largest([-x for x in xs], [-x for x in at])[0]]


def sort(xs, at):
    return [xs[i] for i in sorted(range(len(xs)), key=lambda i: (at[i], i))]


def quantile(e, step):
    xs = sort(e.args[0].of(step), e.args[0].at(step))
    rank = e.args[1].of(step)[0] * (len(xs) - 1)
    low = int(mp.floor(rank))
    high = min(low + 1, len(xs) - 1)
    return [xs[low] + (rank - low) * (xs[high] - xs[low])]


def over_tokens(function):
    return lambda e, step: [
        function(row) for row in step.per_pair(e.args[0].of(step), e.args[0].extent)
    ]


REDUCTIONS = {
    "batch_sum": over_pairs(lambda xs, at: [mp.fsum(xs)]),
    "batch_mean": over_pairs(lambda xs, at: [mean(xs)]),
    "batch_var": over_pairs(lambda xs, at: [var(xs)]),
    "batch_std": over_pairs(std),
    "batch_max": over_pairs(largest),
    "batch_min": over_pairs(smallest),
    "batch_sort": over_pairs(sort),
    "batch_quantile": quantile,
    "token_sum": over_tokens(mp.fsum),
    "token_mean": over_tokens(mean),
}


# --- What a step must give. ---


def number(x):
    if mp.isnan(x):
        return "NaN"
    if mp.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    # Below 1e-70 is what a central difference leaves of an exact 0.
    return float(x) if abs(x) > mp.mpf(10) ** -70 else 0.0


def read_inputs(expressions):
    """The inputs that some expressions read: what a batch must have."""
    read = set()
    for e in expressions:
        for name in e.leaves():
            read |= {part for part, _ in RATIOS[name]} if name in RATIOS else {name}
    return read


def mean_loss(loss, step):
    values = loss.of(step)
    return values[0] if loss.extent == BATCH else mean(values)


def expectation(loss, step, gradients=True):
    """Loss, losses, and the gradient by every policy input that the loss reads."""
    losses = step.spread(loss.of(step), loss.extent, PAIR)
    expected = {"loss": number(mean_loss(loss, step)), "losses": list(map(number, losses))}
    if not gradients:
        return expected
    read = read_inputs([loss])

    def slope(name, index):
        up, down = (mean_loss(loss, step.with_offset(name, index, s * STEP)) for s in (1, -1))
        return number((up - down) / (2 * STEP))

    expected["gradients"] = {}
    for name in GRADIENT:
        if name in read and name in TOKENS:
            expected["gradients"][name] = [
                [slope(name, (pair, token)) for token in range(len(tokens))]
                for pair, tokens in enumerate(step.batch[name])
            ]
        elif name in read:
            expected["gradients"][name] = [slope(name, i) for i in range(step.pairs)]
    return expected


def is_plain(x):
    """Whether an expectation holds numbers of ordinary size alone."""
    if isinstance(x, dict):
        return all(map(is_plain, x.values()))
    if isinstance(x, list):
        return all(map(is_plain, x))
    return not isinstance(x, str) and abs(x) < 1e12
