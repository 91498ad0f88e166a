"""Value cases: programs, steps, and what every engine must give for them. Families of programs are
spelled out here; reference.py gives the expected numbers."""

import itertools
import random

from reference import (BATCH, CHOSEN, MARGIN, PAIR, REJECTED, TOKENS, E, Step, call,
                       expectation, is_plain, named, number, read_inputs)  # fmt: skip

PAIRED = ["policy_chosen_logps", "policy_rejected_logps", "reference_chosen_logps",
          "reference_rejected_logps", "chosen_length", "rejected_length"]  # fmt: skip
BETA = named("beta", BATCH)
WEIGHT = named("weight", PAIR)
LEVEL = named("level", BATCH)
PROGRESS = named("progress", BATCH)
LENGTH = named("chosen_length", PAIR)
RATIO = named("rejected_ratio", PAIR)
X = named("policy_chosen_token_logps", CHOSEN)
Y = named("policy_rejected_token_logps", REJECTED)
DECLARED = {"beta": "param beta = 0.5;", "weight": "column weight;", "level": "state level = 0.25;"}


def with_margins(margins):
    """Columns with these margins; references and shifts differ from pair to pair."""
    columns = {name: [] for name in PAIRED}
    for i, margin in enumerate(margins):
        reference_chosen, reference_rejected = -40.0 - i, -35.0 + i / 2
        shift = 0.0 if margin == 0 else (i % 3 - 1) * 0.25
        values = (reference_chosen + margin + shift, reference_rejected + shift, reference_chosen,
                  reference_rejected, 10.0 + i, 17.0 - i)  # fmt: skip
        for name, value in zip(PAIRED, values):
            columns[name].append(value)
    return columns


def ragged(counts, values):
    """Tokens for each pair, taken from `values` in turn."""
    supply = itertools.cycle(values)
    return [[next(supply) for _ in range(count)] for count in counts]


def text_of(loss, metrics=(), nexts=()):
    leaves = loss.leaves().union(*(e.leaves() for _, e in metrics), *(e.leaves() for _, e in nexts))
    items = [DECLARED[name] for name in DECLARED if name in leaves]
    items += [f"next {name} = {e.text()};" for name, e in nexts]
    items += [f"loss = {loss.text()};"]
    items += [f"metric {name} = {e.text()};" for name, e in metrics]
    return "objective c { " + " ".join(items) + " }"


def case(name, loss, batch, metrics=(), gradients=True, level_keeps=True, plain=True):
    """A case of one step, with what the batch needs and no more; None where `plain` is asked for
    and a number is not."""
    nexts = [("level", LEVEL)] if "level" in loss.leaves() and level_keeps else []
    expressions = [loss, *(e for _, e in metrics), *(e for _, e in nexts)]
    # Rewards by default read the log-probabilities, the reference's too if the loss does.
    read = read_inputs(expressions) | set(PAIRED[:4])
    for side, extent in (("chosen", CHOSEN), ("rejected", REJECTED)):  # token_mean reads the length
        if any(TOKENS.get(name) == extent for name in read):
            read.add(f"{side}_length")
    kept = {key: values for key, values in batch.items() if key in read or key == "progress"}
    if "progress" in kept and "progress" not in read:
        del kept["progress"]
    if "weight" in read:
        kept["columns"] = {"weight": batch["columns"]["weight"]}
    step = Step(kept, {"beta": 0.5}, {"level": 0.25})
    expected = expectation(loss, step, gradients)
    if metrics:
        expected["metrics"] = [number(sum(e.of(step)) / len(e.of(step))) for _, e in metrics]
    if nexts:
        expected["next"] = [number(e.of(step)[0]) for _, e in nexts]
    if plain and not is_plain(expected):
        return None
    return {"name": name, "text": text_of(loss, metrics, nexts),
            "steps": [{"batch": kept, "expected": expected}]}  # fmt: skip


def rich(margins, tokens=(-0.5, -2.0, -0.25, -1.5, -3.0)):
    """A step with everything: columns, tokens of both sides, progress."""
    n = len(margins)
    batch = with_margins(margins)
    batch["columns"] = {"weight": [0.5 + 0.25 * i for i in range(n)]}
    batch["progress"] = 0.375
    for name, extent in TOKENS.items():
        if name.endswith("_index"):
            continue
        counts = [1 + (i * (2 if extent == CHOSEN else 1) + extent) % 3 for i in range(n)]
        kl = name.endswith("_kl")
        batch[name] = ragged(counts, [abs(t) / 4 for t in tokens] if kl else tokens)
        length = "chosen_length" if extent == CHOSEN else "rejected_length"
        batch[length] = [float(c) for c in counts]
    return batch


# --- One function on one operand of every kind. ---

ANY, POSITIVE = [-3.0, -0.5, 0.25, 1.0, 7.0], [0.25, 1.0, 3.0, 9.0]
UNARY = {
    "exp": ANY, "log": POSITIVE, "log1p": [-0.5, 0.25, 2.0], "expm1": ANY, "sqrt": POSITIVE,
    "abs": ANY, "sign": ANY, "square": ANY, "tanh": ANY, "sigmoid": ANY, "softplus": ANY,
    "logsigmoid": ANY, "log1mexp": [-3.0, -0.75, -0.5, -0.125], "relu": ANY,
}  # fmt: skip


def unary():
    for f, points in UNARY.items():
        z = call(f, MARGIN)
        tokens = rich(points, tokens=points)
        column = rich(points)
        column["columns"]["weight"] = points
        gradient = MARGIN if f == "sign" else 0  # without it the loss would be dead
        guard = E("where", MARGIN.compare("<", 0.375), z, MARGIN)
        yield case(f"{f}/pair", z + gradient, with_margins(points))
        yield case(f"{f}/scaled", call(f, BETA * MARGIN) + gradient, with_margins(points))
        yield case(f"{f}/batch", call(f, call("batch_mean", MARGIN)) * MARGIN, with_margins(points))
        yield case(f"{f}/token", call("token_sum", call(f, X) * X), tokens)
        yield case(f"{f}/column", call(f, WEIGHT) * MARGIN, column)
        yield case(f"{f}/detached", call(f, call("detach", MARGIN)) * MARGIN, with_margins(points))
        yield case(f"{f}/shared", z * z + z * MARGIN, with_margins(points))
        yield case(f"{f}/metric", MARGIN, with_margins(points), metrics=[("m", z)])
        yield case(f"{f}/arm", guard, with_margins(ANY))
        yield case(f"{f}/large", z + gradient, with_margins([80.0 if points[-1] > 0 else -80.0]))
    yield from compositions()


def compositions():
    pool = [-7.0, -3.0, -1.5, -0.5, -0.125, 0.125, 0.25, 0.75, 2.0, 5.0]
    smooth = [f for f in UNARY if f not in ("abs", "sign", "relu")]
    for f, g in itertools.product(smooth, smooth):
        loss = call(f, call(g, MARGIN))
        good = [m for m in pool if case("", loss, with_margins([m]))]
        if len(good) >= 2:
            yield case(f"{f}-of-{g}", loss, with_margins(good[:: max(1, len(good) // 3)][:3]))


# --- Two operands of every pair of kinds. ---

OPERANDS = {
    "margin": MARGIN, "ratio": RATIO, "column": WEIGHT, "mean": call("batch_mean", MARGIN),
    "param": BETA, "number": E("number", extent=BATCH, value=1.5), "length": LENGTH,
    "state": LEVEL, "progress": PROGRESS, "token": X,
}  # fmt: skip
WITH_GRADIENT = ("margin", "ratio", "mean", "token")


def binary():
    step = rich([0.5, 2.0, 4.25])
    for op, (a, x), (b, y) in itertools.product("+-*/", OPERANDS.items(), OPERANDS.items()):
        if a not in WITH_GRADIENT and b not in WITH_GRADIENT or (op in "-/" and a == b):
            continue
        yield case(f"{a}{op}{b}", per_pair(E(op, x, y)), step)
    for op, (a, x), (b, y) in itertools.product(
        ("min", "max"), OPERANDS.items(), OPERANDS.items()
    ):
        if (a in WITH_GRADIENT or b in WITH_GRADIENT) and a != b:
            yield case(f"{op}({a}, {b})", per_pair(E(op, x, y)), step)
    for a, b in itertools.product(WITH_GRADIENT, OPERANDS):
        base = call("square", OPERANDS[a])
        exponent = OPERANDS[b]
        if b in WITH_GRADIENT:
            exponent = call("detach", exponent)
        yield case(f"{a}^{b}", per_pair(base**exponent), step)


def per_pair(e):
    return call("token_sum", e) if e.extent > PAIR else e


# --- Conditions: below, at and above, in every extent; truth tables. ---


def conditions():
    for op in ("<", "<=", ">", ">=", "==", "!="):
        yield case(f"{op}/pair", E("where", MARGIN.compare(op, 0.5), MARGIN, 3 * MARGIN),
                   with_margins([0.25, 0.5, 0.75]))  # fmt: skip
        yield case(f"{op}/both", E("where", MARGIN.compare(op, RATIO), MARGIN, 3 * RATIO),
                   with_margins([-0.25, 0.0, 0.25]))  # fmt: skip
        for middle in (0.25, 0.5, 0.75):
            condition = call("batch_mean", MARGIN).compare(op, 0.5)
            yield case(f"{op}/batch-{middle}", E("where", condition, MARGIN, 3 * MARGIN),
                       with_margins([0.0, middle, 2 * middle]))  # fmt: skip
        arms = E("where", X.compare(op, -1.0), X, 3 * X)
        yield case(f"{op}/token", call("token_sum", arms), rich([1.0, 2.0], (-0.5, -1.0, -2.0)))
        arms = E("where", MARGIN.compare(op, 0.5), X, 3 * X)
        yield case(f"{op}/pair-over-tokens", call("token_sum", arms), rich([0.25, 0.5, 0.75]))
    a, b = MARGIN.compare("<", 1.5), MARGIN.compare(">", 0.5)
    for name, c in {
        "and": E("and", a, b), "or": E("or", MARGIN.compare("<", 0.5), MARGIN.compare(">", 1.5)),
        "not": E("not", a), "not-and": E("not", E("and", a, b)),
        "and-not": E("and", E("not", a), b),
        "or-and": E("or", a, E("and", b, MARGIN.compare("==", 2.0))),
    }.items():  # fmt: skip
        yield case(f"logic/{name}", E("where", c, MARGIN, -3 * MARGIN),
                   with_margins([0.25, 1.0, 2.0, 3.0]))  # fmt: skip
        yield case(f"logic/{name}-metric", MARGIN, with_margins([0.25, 1.0, 2.0, 3.0]),
                   metrics=[("m", E("where", c, E("number", extent=BATCH, value=1.0),
                                    E("number", extent=BATCH, value=0.0)))])  # fmt: skip


# --- Kinks and exact ties, where SPEC N6 says what the gradient is. ---


def kinks():
    ties = with_margins([0.0, 0.0, 0.0])
    low, high = E("number", extent=BATCH, value=-2.0), E("number", extent=BATCH, value=2.0)
    for name, e in {
        "abs": call("abs", MARGIN), "relu": call("relu", MARGIN),
        "min": call("min", MARGIN, 0.0), "max": call("max", 0.0, MARGIN),
        "max-of-equals": call("max", MARGIN, 2 * MARGIN), "sign": call("sign", MARGIN),
        "sqrt": call("sqrt", MARGIN), "sqrt-of-square": call("sqrt", call("square", MARGIN)),
        "power-half": MARGIN**0.5, "power-zero": MARGIN**0.0, "power-one": MARGIN**1.0,
        "power-two": MARGIN**2.0, "std": call("batch_std", MARGIN),
        "var": call("batch_var", MARGIN), "batch-max": call("batch_max", MARGIN),
        "batch-min": call("batch_min", MARGIN), "sort": WEIGHT * call("batch_sort", MARGIN),
        "median": call("batch_quantile", MARGIN, 0.5),
        "quartile": call("batch_quantile", MARGIN, 0.125),
        "clamp": call("clamp", MARGIN, low, high),
        "where-equal": E("where", MARGIN.compare("==", 0.0), MARGIN, -MARGIN),
    }.items():  # fmt: skip
        batch = dict(ties, columns={"weight": [0.5, 1.0, 4.0]})
        yield case(f"step-0/{name}", e + MARGIN / 8, batch)
        for n in (1, 2):
            batch = dict(with_margins([0.0] * n), columns={"weight": [0.5, 2.0][:n]})
            yield case(f"step-0/{name}-{n}", e + MARGIN / 8, batch)
    clamped = call("clamp", MARGIN, low, high) + MARGIN / 8
    for name, size in {"inside": 1.0, "bounds": 2.0, "outside": 3.0}.items():
        yield case(f"clamp/{name}", clamped, with_margins([-size, size]))
    for name, margins in {"two-of-three": [4.0, 1.0, 4.0], "last": [1.0, 2.0, 3.0],
                          "first": [3.0, 2.0, 1.0], "all": [2.0] * 4}.items():  # fmt: skip
        for f in ("batch_max", "batch_min"):
            yield case(f"{f}/{name}", call(f, MARGIN) + MARGIN / 8, with_margins(margins))
        weights = [0.5, 1.0, 4.0, 2.0][: len(margins)]
        batch = dict(with_margins(margins), columns={"weight": weights})
        yield case(f"sort/{name}", WEIGHT * call("batch_sort", MARGIN), batch)
        yield case(f"median/{name}", call("batch_quantile", MARGIN, 0.5), batch)


# --- Reductions over pairs. ---


def reductions():
    mixed = [-3.0, 0.5, 7.0, 1.25, -12.5, 2.0, 30.0, 0.75, -1.0]
    reduced = {f: call(f, MARGIN) for f in ("batch_sum", "batch_mean", "batch_var", "batch_std",
                                            "batch_min", "batch_max", "batch_sort")}  # fmt: skip
    for q in (0.0, 0.1, 0.25, 0.5, 0.9, 1.0):
        reduced[f"batch_quantile-{q}"] = call("batch_quantile", MARGIN, q)
    for (name, r), n in itertools.product(reduced.items(), (1, 2, 3, 5, 9)):
        batch = dict(with_margins(mixed[:n]), columns={"weight": [0.5 + i for i in range(n)]})
        yield case(f"{name}/times-{n}", WEIGHT * r * MARGIN, batch)
        yield case(f"{name}/distance-{n}", call("square", MARGIN - r), batch)
        if n == 5:
            yield case(f"{name}/detached", call("detach", r) * MARGIN, batch)
            yield case(f"{name}/arm", E("where", MARGIN.compare("<", 1.0), r, MARGIN), batch)
            yield case(f"{name}/of-tanh", call(name.split("-")[0], call("tanh", MARGIN),
                                               *r.args[1:]) + MARGIN / 8, batch)  # fmt: skip
            yield case(f"{name}/metric", MARGIN, batch, metrics=[("m", r)])


# --- Tokens. ---


def tokens():
    shapes = {"one": [1], "ones": [1, 1, 1], "ragged": [3, 1, 2], "long": [9, 2]}
    values = (-0.5, -2.0, -0.25, -1.5, -3.0, -0.125, -1.0)
    for side, extent in (("chosen", CHOSEN), ("rejected", REJECTED)):
        policy = named(f"policy_{side}_token_logps", extent)
        reference = named(f"reference_{side}_token_logps", extent)
        position = named(f"{side}_token_index", extent)
        kl = named(f"{side}_token_kl", extent)
        total = call("token_sum", policy)
        expressions = {
            "sum": total, "mean": call("token_mean", policy),
            "ratio": call("token_sum", policy - reference),
            "squares": call("token_sum", call("square", policy)),
            "product-of-sums": total * call("token_sum", call("exp", policy)),
            "position": call("token_sum", policy / (position + 1.0)),
            "decay": call("token_sum", BETA**position * policy),
            "kl": call("token_sum", kl), "kl-per-token": call("token_mean", kl * policy),
            "clipped": call("token_sum", call("max", policy, -1.25)),
            "pair-factor": call("token_sum", MARGIN * policy),
            "batch-factor": call("token_sum", call("batch_mean", MARGIN) * policy),
            "column-factor": call("token_sum", WEIGHT * call("exp", policy)),
            "mean-subtracted":
                call("token_sum", call("square", policy - call("token_mean", policy))),
            "detached": call("token_sum", call("detach", policy) * policy),
            "over-batch": call("batch_std", total) * total,
            "head": call("token_sum", E("where", position.compare("<", 2.0), policy, 0.5 * policy)),
            "sorted": call("batch_sort", total) * MARGIN,
        }  # fmt: skip
        for (shape, counts), (name, e) in itertools.product(shapes.items(), expressions.items()):
            n = len(counts)
            batch = with_margins([0.5, -1.0, 2.0][:n])
            batch["columns"] = {"weight": [0.5, 1.5, 2.5][:n]}
            for token in TOKENS:
                if TOKENS[token] == extent and not token.endswith("_index"):
                    shifted = values[hash_of(token) % 3 :]
                    shifted = [abs(v) for v in shifted] if "kl" in token else shifted
                    batch[token] = ragged(counts, shifted)
            batch[f"{side}_length"] = [float(c) for c in counts]
            yield case(f"{side}/{name}-{shape}", e, batch)
    both = call("token_sum", X) - call("token_mean", Y)
    yield case("both-sides", call("softplus", -both), rich([0.5, 1.0, -1.0]))
    yield case("both-sides-2", call("token_mean", X) * call("token_sum", Y), rich([0.5, 1.0, -1.0]))


def hash_of(name):
    return sum(map(ord, name))


# --- Random programs over all of it. ---


def grow(choose):
    """One random program; `choose` is a random.Random."""
    pairs = [MARGIN, RATIO, WEIGHT, LENGTH]
    batches = [BETA, LEVEL, PROGRESS, E("number", extent=BATCH, value=choose.uniform(0.5, 2))]
    chosen, rejected = [X], [Y]
    smooth = ["exp", "tanh", "sigmoid", "softplus", "logsigmoid", "square", "abs", "relu", "neg"]
    reduce = ["batch_sum", "batch_mean", "batch_std", "batch_max", "batch_min", "batch_sort"]
    for _ in range(choose.randint(2, 12)):
        values = choose.choice([pairs, pairs, pairs, chosen, rejected, batches])
        x = values[-1] if choose.random() < 0.5 else choose.choice(values)
        y = choose.choice(values + batches + (pairs if values is not batches else []))
        kind = choose.random()
        if kind < 0.3:
            e = E(choose.choice(smooth), x)
        elif kind < 0.65:
            e = E(choose.choice(["+", "-", "*", "min", "max"]), x, y)
        elif kind < 0.75:
            e = x / (call("square", y) + 1.0)
        elif kind < 0.85:
            e = E("where", x.compare(choose.choice(["<", ">="]), y), x, 0.5 * x)
        elif values is pairs:
            e = call(choose.choice(reduce), x)
        elif values is not batches:
            e = call(choose.choice(["token_sum", "token_mean"]), x)
        else:
            e = call("detach", x)
        {BATCH: batches, PAIR: pairs, CHOSEN: chosen, REJECTED: rejected}[e.extent].append(e)
    return call("softplus", pairs[-1]) + batches[-1] * MARGIN


def randoms(count):
    seed = 0
    made = 0
    while made < count:
        seed += 1
        choose = random.Random(seed)
        loss = grow(choose)
        n = choose.randint(1, 4)
        margins = [choose.randint(-40, 40) / 8 for _ in range(n)]
        made_case = case(f"random-{seed}", loss, rich(margins))
        if made_case and len(made_case["text"]) < 900:
            made += 1
            yield made_case


# --- Numbers that are not finite stay in their row unless a reduction joins the rows (SPEC N7). ---


def nonfinite():
    for f in UNARY:
        gradient = MARGIN * 0.125
        for name, value in (("nan", "NaN"), ("inf", "Infinity"), ("minus-inf", "-Infinity")):
            batch = with_margins([1.0, 0.25, 2.0] if f != "log1mexp" else [-1.0, -0.25, -2.0])
            batch["policy_chosen_logps"][1] = float(value.replace("Infinity", "inf"))
            loss = call(f, MARGIN) + gradient
            made = case(f"{f}/{name}", loss, batch, gradients=False, plain=False)
            made["steps"][0]["batch"]["policy_chosen_logps"][1] = value
            yield made


# --- State from step to step. ---


def stateful():
    level, other = LEVEL, named("other", BATCH)
    mean = call("batch_mean", MARGIN)
    gap = call("max", 0.0625, 0.1 * (1.0 + call("detach", mean - level)))
    programs = {
        "running-mean": ({"level": ("0.25", 0.25, 0.9 * level + 0.1 * mean)},
                         call("softplus", -(MARGIN - level))),
        "count": ({"level": ("0", 0.0, level + 1.0)}, MARGIN / (level + 1.0)),
        "from-parameter": ({"level": ("beta * 2", 1.0, 0.5 * level + call("batch_max", MARGIN))},
                           BETA * MARGIN * level),
        "two-swap": ({"level": ("1", 1.0, other), "other": ("2", 2.0, level)},
                     level * MARGIN + call("square", other * MARGIN)),
        "two-coupled": ({"level": ("0", 0.0, level + 0.5 * (mean - level)),
                         "other": ("1", 1.0, call("max", 0.5, other - 0.25 * level))},
                        call("softplus", -other * (MARGIN - level))),
        "quantile": ({"level": ("0", 0.0, call("batch_quantile", MARGIN, 0.75))},
                     call("relu", 1.0 - (MARGIN - level))),
        "tokens": ({"level": ("0", 0.0, 0.5 * level + call("batch_sum", call("token_sum", X)))},
                   call("token_sum", X) * call("exp", 0.125 * level)),
        "progress": ({"level": ("0", 0.0, level + PROGRESS)}, MARGIN * (level + PROGRESS)),
        "column": ({"level": ("1", 1.0, call("batch_mean", WEIGHT) * level)},
                   WEIGHT * level * MARGIN),
        "detached-gap": ({"level": ("0", 0.0, 0.5 * (level + mean))},
                         call("softplus", -gap * MARGIN)),
    }  # fmt: skip
    for (name, (states, loss)), steps in itertools.product(programs.items(), (1, 3, 10)):
        items = ["param beta = 0.5;" if "beta" in str(states) or "beta" in loss.leaves() else "",
                 "column weight;" if "weight" in loss.leaves() else ""]  # fmt: skip
        items += [f"state {s} = {initial};" for s, (initial, _, _) in states.items()]
        items += [f"next {s} = {e.text()};" for s, (_, _, e) in states.items()]
        values = {s: start for s, (_, start, _) in states.items()}
        nexts = [e for _, _, e in states.values()]
        read = read_inputs([loss, *nexts]) | set(PAIRED[:4])
        run = []
        for i in range(steps):
            batch = rich([0.5 * i - 1, 1.25, 2.0 - i][: 1 + i % 3])
            batch["progress"] = i / 16
            kept = {k: v for k, v in batch.items() if k in read}
            if "weight" in read:
                kept["columns"] = {"weight": batch["columns"]["weight"]}
            step = Step(kept, {"beta": 0.5}, dict(values))
            expected = expectation(loss, step)
            # The chain of states keeps the doubles that are expected of each step.
            values = {s: float(e.of(step)[0]) for s, (_, _, e) in states.items()}
            expected["next"] = list(values.values())
            run.append({"batch": kept, "expected": expected})
        text = "objective c { " + " ".join(filter(None, items)) + f" loss = {loss.text()}; }}"
        yield {"name": f"{name}-{steps}", "text": text, "steps": run}


TOPICS = {
    "functions": unary,
    "operators": binary,
    "conditions": conditions,
    "kinks": kinks,
    "reductions": reductions,
    "tokens": tokens,
    "random": lambda: randoms(150),
    "nonfinite": nonfinite,
    "state": stateful,
}
