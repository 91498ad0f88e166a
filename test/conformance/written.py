"""Value cases written row by row: the objectives that the search starts from, by the publications
named in their files, and the language one construct at a time. Each row has its own formula."""

import mpmath as mp

from reference import STEP, mean, number, sigmoid, softplus, var
from values import PAIRED, with_margins


class Pairs:
    """The columns of a batch as lists of mpf; the unperturbed batch `at` decides conditions."""

    def __init__(self, columns, at=None):
        self.a, self.b, self.ra, self.rb, self.la, self.lb = columns
        self.n = len(self.a)
        self.at = at or self

    @property
    def u(self):
        return [x - y for x, y in zip(self.a, self.ra)]

    @property
    def v(self):
        return [x - y for x, y in zip(self.b, self.rb)]

    @property
    def m(self):
        return [x - y for x, y in zip(self.u, self.v)]


def std(xs):
    return mp.sqrt(var(xs))


def relu(x, at):
    return x if at > 0 else mp.mpf(0)


def max_with_zero(x, at):
    return x if at > 0 else x / 2 if at == 0 else mp.mpf(0)  # a tie is shared


def clamp_at_zero(x, at):
    return x if at >= 0 else mp.mpf(0)  # torch's clamp(min=0) passes the gradient at its bound


def per_pair(function):
    """A loss of the margin alone: function(margin, margin at the unperturbed point)."""
    return lambda p: [function(m, at) for m, at in zip(p.m, p.at.m)]


# --- The shipped objectives, from the publications named in their files. ---


def kto_pair(p, beta=mp.mpf("0.1")):
    # KTO as paired by DiscoPOP's baseline: two losses a pair, of which the objective is the mean.
    kl_chosen = clamp_at_zero(mean(p.u), mean(p.at.u))
    kl_rejected = clamp_at_zero(mean(p.v), mean(p.at.v))
    return [((1 - sigmoid(beta * (u - kl_rejected))) + (1 - sigmoid(beta * (kl_chosen - v)))) / 2
            for u, v in zip(p.u, p.v)]  # fmt: skip


def simpo(p, beta=2, gamma=mp.mpf("0.5")):
    return [softplus(-(beta * (a / la - b / lb) - gamma))
            for a, b, la, lb in zip(p.a, p.b, p.la, p.lb)]  # fmt: skip


BETA, TAU = mp.mpf("0.05"), mp.mpf("0.05")


def lrml(m, at):
    z = BETA * m
    w = sigmoid(z / TAU)
    return (1 - w) * softplus(-z) + w * mp.exp(-z)


def padll(m, at):
    z = BETA * m
    return mp.mpf("0.9") * (1 - mp.mpf("0.5") * (1 if at < 0 else 0)) * softplus(-z)


def pfl(p):
    return [softplus(-BETA * m) / 2 if a > b else 2 * relu(1 - BETA * m, 1 - BETA * m0)
            for m, m0, a, b in zip(p.m, p.at.m, p.at.a, p.at.b)]  # fmt: skip


def aql(p):
    z = [BETA * m for m in p.m]
    q = mp.mpf("0.5") + mp.mpf("0.01") * (sigmoid(mean([x / TAU for x in z])) - mp.mpf("0.5"))
    w = [sigmoid(-(x / TAU - q)) for x in z]
    return [wi * softplus(-x) + (1 - wi) * relu(1 - x, 1 - BETA * m0)
            for wi, x, m0 in zip(w, z, p.at.m)]  # fmt: skip


def aqfl(p):
    def scaled(pairs):
        y = [BETA * m / TAU for m in pairs.m]
        q = std(y) * mean([sigmoid(-x) for x in y])
        return y, q + mp.mpf("0.05") * (sigmoid(mean(y)) - q)

    y, q = scaled(p)
    losses = []
    for x, m, m0 in zip(y, p.m, p.at.m):
        k = sigmoid(mp.mpf("0.1") * abs(x - q))
        losses.append(k * softplus(-BETA * m) + (1 - k) * relu(1 - BETA * m, 1 - BETA * m0))
    return losses


def dbaql(p):
    k = sigmoid(var([BETA * m / TAU for m in p.m]))
    c = mp.mpf("0.9")
    return [k * softplus(-BETA * m / c) + (1 - k) * mp.exp(-c * BETA * m) for m in p.m]


T = mp.mpf("0.1")
SHIPPED = {
    "dpo": per_pair(lambda m, at: softplus(-T * m)),
    "cdpo": per_pair(lambda m, at: (1 - T) * softplus(-T * m) + T * softplus(T * m)),
    "ipo": per_pair(lambda m, at: (m - 1 / (2 * T)) ** 2),
    "hinge": per_pair(lambda m, at: relu(1 - T * m, 1 - T * at)),
    "kto_pair": kto_pair,
    "simpo": simpo,
    "lrml": per_pair(lrml),
    "padll": per_pair(padll),
    "pfl": pfl,
    "aql": aql,
    "aqfl": aqfl,
    "dbaql": dbaql,
    "cell": per_pair(lambda m, at: (mp.exp(-BETA * m) + softplus(-BETA * m)) / 2),
}

# --- The language: (name, loss, formula of margin and deciding margin, margins). ---

ANY = [-100, -36, -3, -0.5, 0, 0.25, 1, 7, 36, 100]
SMALL = [-20, -2, -0.5, 0, 1e-3, 0.5, 3, 20]
POSITIVE = [1e-6, 0.25, 1, 3, 100]
LANGUAGE = [
    ("exp", "exp(margin)", lambda m, at: mp.exp(m), SMALL),
    ("log", "log(margin)", lambda m, at: mp.log(m), POSITIVE),
    ("log1p", "log1p(margin)", lambda m, at: mp.log1p(m), [-0.5, 0, 1e-6, 1, 100]),
    ("expm1", "expm1(margin)", lambda m, at: mp.expm1(m), SMALL),
    ("log1mexp", "log1mexp(margin)",
     lambda m, at: mp.log(1 - mp.exp(m)), [-50, -3, -0.7, -0.6, -0.01]),
    ("sqrt", "sqrt(margin)", lambda m, at: mp.sqrt(m), POSITIVE),
    ("sqrt-at-zero", "sqrt(margin)", lambda m, at: mp.mpf(0), [0]),
    ("abs", "abs(margin)", lambda m, at: m * mp.sign(at), ANY),
    ("sign", "sign(margin) + margin", lambda m, at: m + mp.sign(at), ANY),
    ("square", "square(margin)", lambda m, at: m * m, ANY),
    ("sigmoid", "sigmoid(margin)", lambda m, at: sigmoid(m), ANY),
    ("logsigmoid", "logsigmoid(margin)", lambda m, at: -softplus(-m), ANY),
    ("softplus", "softplus(margin)", lambda m, at: softplus(m), ANY),
    ("tanh", "tanh(margin)", lambda m, at: mp.tanh(m), ANY),
    ("relu", "relu(margin)", lambda m, at: relu(m, at), ANY),
    ("max", "max(margin, 0.5)", lambda m, at: m if at > 0.5 else mp.mpf("0.5"), ANY),
    ("max-shares-a-tie", "max(margin, 0)", max_with_zero, [-1, 0, 2]),
    ("min", "min(margin, 0.5)", lambda m, at: m if at < 0.5 else mp.mpf("0.5"), ANY),
    ("min-shares-a-tie", "min(margin, 0)", lambda m, at: m - max_with_zero(m, at), [-1, 0, 2]),
    ("clamp", "clamp(margin, -2, 2)", lambda m, at: m if -2 <= at <= 2 else mp.mpf(2) * mp.sign(at),
     [-3, -1, 0, 1, 3]),
    ("clamp-passes-at-its-bounds", "clamp(margin, -2, 2)", lambda m, at: m, [-2, 2]),
    ("where-lt", "where(margin < 1, margin, 3 * margin)",
     lambda m, at: m if at < 1 else 3 * m, [0, 1, 2]),
    ("where-le", "where(margin <= 1, margin, 3 * margin)",
     lambda m, at: m if at <= 1 else 3 * m, [0, 1, 2]),
    ("where-gt", "where(margin > 1, margin, 3 * margin)",
     lambda m, at: m if at > 1 else 3 * m, [0, 1, 2]),
    ("where-ge", "where(margin >= 1, margin, 3 * margin)",
     lambda m, at: m if at >= 1 else 3 * m, [0, 1, 2]),
    ("where-eq", "where(margin == 1, margin, 3 * margin)",
     lambda m, at: m if at == 1 else 3 * m, [0, 1, 2]),
    ("where-ne", "where(margin != 1, margin, 3 * margin)",
     lambda m, at: m if at != 1 else 3 * m, [0, 1, 2]),
    ("where-and", "where(margin > 0 and margin < 2, margin, -margin)",
     lambda m, at: m if 0 < at < 2 else -m, [-1, 0, 1, 2]),
    ("where-or", "where(margin < 0 or margin > 2, margin, -margin)",
     lambda m, at: m if at < 0 or at > 2 else -m, [-1, 0, 1, 3]),
    ("where-not", "where(not margin < 0, margin, -margin)",
     lambda m, at: -m if at < 0 else m, [-1, 0, 1]),
    ("not-binds-tighter-than-and", "where(not margin < 0 and margin < 2, margin, -margin)",
     lambda m, at: m if 0 <= at < 2 else -m, [-1, 0, 1, 3]),
    ("and-binds-tighter-than-or", "where(margin < 0 or margin > 1 and margin < 3, margin, -margin)",
     lambda m, at: m if at < 0 or 1 < at < 3 else -m, [-1, 0.5, 2, 4]),
    ("where-guards-log", "where(margin > 0, log(margin), margin)",
     lambda m, at: mp.log(m) if at > 0 else m, [-1, 0, 2]),
    ("where-guards-division", "where(margin == 0, margin, 1 / margin)",
     lambda m, at: m if at == 0 else 1 / m, [-2, 0, 4]),
    ("where-guards-overflow", "where(margin < 50, exp(margin), margin)",
     lambda m, at: mp.exp(m) if at < 50 else m, [0, 10, 2000]),
    ("power", "margin ^ 3", lambda m, at: m**3, [-2, 0, 1.5]),
    ("power-fraction", "margin ^ 2.5", lambda m, at: m ** mp.mpf("2.5"), POSITIVE),
    ("power-negative", "margin ^ -2", lambda m, at: m**-2, [-2, 0.5, 3]),
    ("power-half-at-zero", "margin ^ 0.5", lambda m, at: mp.mpf(0), [0]),
    ("power-is-right-associative", "margin ^ 2 ^ 3", lambda m, at: m**8, [-1.5, 0.5, 2]),
    ("minus-is-weaker-than-power", "-margin ^ 2", lambda m, at: -(m**2), [-1, 0.5, 2]),
    ("minus-is-stronger-than-times", "-margin * 2", lambda m, at: -m * 2, [-1, 0.5, 2]),
    ("subtraction-is-left-associative", "margin - 2 - 3", lambda m, at: m - 5, [0, 2]),
    ("division-is-left-associative", "margin / 2 / 4", lambda m, at: m / 8, [0, 2]),
    ("numbers-are-real", "margin * (1 / 2)", lambda m, at: m / 2, [0, 2]),
    ("detach", "margin * detach(margin)", lambda m, at: m * at, [-2, 0, 3]),
]  # fmt: skip
BATCH = [
    ("batch-sum", "margin * batch_sum(margin)", lambda p: [m * mp.fsum(p.m) for m in p.m]),
    ("batch-mean", "square(margin - batch_mean(margin))",
     lambda p: [(m - mean(p.m)) ** 2 for m in p.m]),
    ("batch-var", "margin * batch_var(margin)", lambda p: [m * var(p.m) for m in p.m]),
    ("batch-std", "margin * batch_std(margin)", lambda p: [m * std(p.m) for m in p.m]),
    ("batch-loss", "exp(batch_mean(margin) / 10)", lambda p: [mp.exp(mean(p.m) / 10)] * p.n),
    ("batch-size", "margin / batch_size", lambda p: [m / p.n for m in p.m]),
    ("batch-detach", "margin * detach(batch_mean(margin))",
     lambda p: [m * mean(p.at.m) for m in p.m]),
    ("batch-in-an-arm-covers-all-pairs", "where(margin > 0, batch_sum(margin), margin)",
     lambda p: [mp.fsum(p.m) if at > 0 else m for m, at in zip(p.m, p.at.m)]),
    ("lengths", "policy_chosen_logps / chosen_length - policy_rejected_logps / rejected_length",
     lambda p: [a / la - b / lb for a, b, la, lb in zip(p.a, p.b, p.la, p.lb)]),
    ("ratios", "chosen_ratio * rejected_ratio", lambda p: [u * v for u, v in zip(p.u, p.v)]),
]  # fmt: skip


def expectation(formula, columns):
    """Mean loss, losses and the gradient of the mean with respect to both policy columns."""
    base = Pairs([[mp.mpf(x) for x in columns[name]] for name in PAIRED])

    def mean_with(column, pair, offset):
        lists = [list(map(mp.mpf, columns[name])) for name in PAIRED]
        lists[column][pair] += offset
        return mean(formula(Pairs(lists, at=base)))

    losses = formula(base)
    gradients = {
        PAIRED[column]: [
            number((mean_with(column, i, STEP) - mean_with(column, i, -STEP)) / (2 * STEP))
            for i in range(base.n)
        ]
        for column in (0, 1)
    }
    return {
        "loss": number(mean(losses)),
        "losses": list(map(number, losses)),
        "gradients": gradients,
    }


def case(name, formula, margins, **program):
    columns = with_margins(margins)
    return {"name": name, **program,
            "steps": [{"batch": columns, "expected": expectation(formula, columns)}]}  # fmt: skip


def text(loss):
    return f"objective c {{ loss = {loss}; }}"


def constructs():
    mixed = [-3.0, 0.5, 7.0, 0.0, -12.5, 2.0, 30.0]
    for name, loss, function, margins in LANGUAGE:
        yield case(name, per_pair(function), [float(m) for m in margins], text=text(loss))
    for name, loss, formula in BATCH:
        for n in (1, 2, 7):
            yield case(f"{name}-{n}", formula, mixed[:n], text=text(loss))


def shipped():
    mixed = [-3.0, 0.5, 7.0, 0.0, -12.5, 2.0, 30.0]
    for name, formula in SHIPPED.items():
        for n in (1, 2, 3, 7):
            yield case(f"{name}-{n}", formula, mixed[:n], shipped=name)
        # Step 0 of a training: policy and reference agree, every margin is exactly 0.
        yield case(f"{name}-step-0", formula, [0.0, 0.0, 0.0], shipped=name)
        yield case(f"{name}-large", formula, [-100.0, 64.0, 100.0], shipped=name)


TOPICS = {"constructs": constructs, "shipped": shipped}
