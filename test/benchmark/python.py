# Objectives from Python, forward and backward through autograd, one thread: ours with the autograd
# function and with the stable ABI, against PyTorch eager and torch.compile, in one process with
# engines interleaved; then what a new loss costs until its first gradient, in a warm process.
# Every engine is held to the interpreter before it is timed. Prints JSON lines; ratios are medians
# over rounds of one round's ratio. `tools/dev bench python` runs it.
#   python.py --discoc PROGRAM [PAIRS ...]
import argparse
import json
import os
import pathlib
import statistics
import sys
import time
from unittest import mock

os.environ["OMP_NUM_THREADS"] = "1"
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import disco  # noqa: E402
from disco import _operators  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
from batches import interpreted  # noqa: E402

ROUNDS = 31
ROUND_SECONDS = 0.01  # of each engine
COMPILE_ROUNDS = 20
SIDES = ("chosen", "rejected")


def dpo(pc, pr, rc, rr):
    return -F.logsigmoid(0.1 * ((pc - rc) - (pr - rr))).mean()


def lrml(pc, pr, rc, rr):
    z = 0.05 * ((pc - rc) - (pr - rr))
    m = torch.sigmoid(z / 0.05)
    return (-F.logsigmoid(z) * (1 - m) + torch.exp(-z) * m).mean()


FORMULAS = {"dpo": (dpo, {"beta": 0.1}), "lrml": (lrml, {"beta": 0.05, "tau": 0.05})}


def batch(pairs):
    """Multiples of 1/16, so that the largest batch is a file that discoc reads."""
    torch.manual_seed(pairs)
    reference = -100 + 20 * torch.randn(2, pairs)
    policy = reference + 3 * torch.randn(2, pairs)
    policy, reference = ((16 * x).round() / 16 for x in (policy, reference))
    return [*(x.clone().requires_grad_() for x in policy), *reference]


def step(function, inputs):
    """One training step's use: gradients land in .grad of the policy's inputs."""
    policy = inputs[:2]

    def run():
        policy[0].grad = policy[1].grad = None
        function(*inputs).backward()

    return run


def exact(source, pairs, **parameters):
    """Loss and gradients by the interpreter."""
    names = [f"{model}_{side}_logps" for model in ("policy", "reference") for side in SIDES]
    found = interpreted(source, dict(zip(names, batch(pairs))), **parameters)
    double = lambda x: torch.tensor(x, dtype=torch.float64)  # noqa: E731
    gradients = [double(found["gradients"][f"policy_{side}_logps"]) for side in SIDES]
    return double(found["loss"]), gradients


def gate(engine, function, expected, pairs):
    inputs = batch(pairs)
    loss = function(*inputs)
    near = torch.testing.assert_close
    near(loss.double(), expected[0], rtol=2e-5, atol=1e-6, msg=lambda m: f"{engine}: {m}")
    for ours, theirs in zip(torch.autograd.grad(loss, inputs[:2]), expected[1]):
        scale = theirs.abs().max()
        near(ours.double() / scale, theirs / scale, rtol=2e-5, atol=2e-6,
             msg=lambda m: f"{engine}: {m}")  # fmt: skip


def seconds(run, count):
    started = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - started) / count


def engines(name):
    formula, settings = FORMULAS[name]
    with mock.patch.object(_operators, "Caller", _operators.StableCaller):
        stable = disco.compile(name, **settings)
    return {
        "disco": disco.compile(name, **settings),
        "disco stable ABI": stable,
        "eager": formula,
        "torch.compile": torch.compile(formula, dynamic=False),
    }


def measure(name, pairs, tried):
    runs = {}
    expected = exact(name, pairs, **FORMULAS[name][1])
    for engine, function in tried.items():
        gate(engine, function, expected, pairs)
        runs[engine] = step(function, batch(pairs))
    counts = {}
    for engine, run in runs.items():
        seconds(run, 20)
        counts[engine] = max(1, int(ROUND_SECONDS / seconds(run, 5)))
    rounds = [{e: seconds(run, counts[e]) for e, run in runs.items()} for _ in range(ROUNDS)]
    line = {"benchmark": "python", "objective": name, "pairs": pairs}
    line |= {"threads": 1, "rounds": ROUNDS}
    line |= {
        f"{engine}_us": round(1e6 * statistics.median(r[engine] for r in rounds), 2)
        for engine in runs
    }
    for ours in ("disco", "disco stable ABI"):
        for peer in ("eager", "torch.compile"):
            ratios = sorted(r[peer] / r[ours] for r in rounds)
            line[f"{peer}_over_{ours}"] = round(statistics.median(ratios), 2)
            if ours == "disco":
                line[f"{peer}_over_{ours}_p20"] = round(ratios[len(ratios) // 5], 2)
    print(json.dumps(line), flush=True)


def new_loss(number):
    """A loss that nothing has compiled yet: LRML with another constant. (formula, text)"""
    beta = 0.05 + 1e-4 * (number + 1) + 1e-7 * (time.time() % 100)

    def formula(pc, pr, rc, rr):
        z = beta * ((pc - rc) - (pr - rr))
        m = torch.sigmoid(z / 0.05)
        return (-F.logsigmoid(z) * (1 - m) + torch.exp(-z) * m).mean()

    text = (
        f"objective new {{ let z = {beta!r} * margin; let m = sigmoid(z / 0.05);"
        " loss = (1 - m) * softplus(-z) + m * exp(-z); }"
    )
    return formula, text


def measure_compile():
    """Seconds from a new loss to its first gradient; torch.compile also with its disk cache hit."""
    inputs = batch(64)

    def first(make):
        started = time.perf_counter()
        function = make()
        step(function, inputs)()
        return function, time.perf_counter() - started

    rounds = []
    for number in range(COMPILE_ROUNDS + 1):
        formula, text = new_loss(number)
        ours, disco_s = first(lambda: disco.compile(text))
        gate("new loss", ours, exact(text, 64), 64)
        torch._dynamo.reset()
        _, cold_s = first(lambda: torch.compile(formula, dynamic=False))
        torch._dynamo.reset()
        _, cached_s = first(lambda: torch.compile(formula, dynamic=False))
        rounds.append((disco_s, cold_s, cached_s))
    rounds = rounds[1:]  # the first one warms both
    median = lambda values: statistics.median(list(values))  # noqa: E731
    line = {"benchmark": "python", "measure": "new loss", "rounds": COMPILE_ROUNDS}
    line |= {
        f"{name}_ms": round(1e3 * median(r[i] for r in rounds), 2)
        for i, name in enumerate(("disco", "torch.compile", "torch.compile disk cache"))
    }
    line["torch.compile_over_disco"] = round(median(r[1] / r[0] for r in rounds), 1)
    line["disk cache_over_disco"] = round(median(r[2] / r[0] for r in rounds), 2)
    print(json.dumps(line), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--discoc", required=True, help="whose interpreter is the gate")
    parser.add_argument("pairs", nargs="*", type=int, default=[16, 64, 256, 4096, 1 << 20])
    arguments = parser.parse_args()
    os.environ["DISCOC"] = arguments.discoc
    torch.set_num_threads(1)
    for name in FORMULAS:
        tried = engines(name)
        for pairs in arguments.pairs:
            measure(name, pairs, tried)
    measure_compile()


if __name__ == "__main__":
    main()
