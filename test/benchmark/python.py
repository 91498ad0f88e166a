# Objectives from Python, forward and backward through autograd, one thread: ours with the autograd
# function and with the stable ABI, against PyTorch eager and torch.compile, in one process with
# engines interleaved; then what a new loss costs until its first gradient, in a warm process.
# Values are held to float64 eager before anything is timed. Prints JSON lines; ratios are medians
# over rounds of one round's ratio. Run with the package on PYTHONPATH:
#   PYTHONPATH=build/release/python python test/benchmark/python.py [PAIRS ...]
import json
import os
import platform
import statistics
import sys
import time
from unittest import mock

os.environ["OMP_NUM_THREADS"] = "1"
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

import disco  # noqa: E402
from disco import _operators  # noqa: E402

ROUNDS = 31
ROUND_SECONDS = 0.01  # of each engine
COMPILE_ROUNDS = 20


def dpo(pc, pr, rc, rr):
    return -F.logsigmoid(0.1 * ((pc - rc) - (pr - rr))).mean()


def lrml(pc, pr, rc, rr):
    z = 0.05 * ((pc - rc) - (pr - rr))
    m = torch.sigmoid(z / 0.05)
    return (-F.logsigmoid(z) * (1 - m) + torch.exp(-z) * m).mean()


FORMULAS = {"dpo": (dpo, {"beta": 0.1}), "lrml": (lrml, {"beta": 0.05, "tau": 0.05})}


def batch(pairs, dtype=torch.float32):
    torch.manual_seed(pairs)
    reference = -100 + 20 * torch.randn(2, pairs, dtype=dtype)
    policy = reference + 3 * torch.randn(2, pairs, dtype=dtype)
    return [*(x.clone().requires_grad_() for x in policy), *reference]


def step(function, inputs):
    """One training step's use: gradients land in .grad of the policy's inputs."""
    policy = inputs[:2]

    def run():
        policy[0].grad = policy[1].grad = None
        function(*inputs).backward()

    return run


def gate(name, function, formula, pairs):
    """Loss and gradients against the formula in float64."""
    inputs = batch(pairs)
    exact = [x.detach().double().requires_grad_(x.requires_grad) for x in inputs]
    loss, expected = function(*inputs), formula(*exact)
    torch.testing.assert_close(loss.double(), expected, rtol=2e-5, atol=1e-6, msg=name)
    ours = torch.autograd.grad(loss, inputs[:2])
    theirs = torch.autograd.grad(expected, exact[:2])
    for one, other in zip(ours, theirs):
        scale = other.abs().max()
        torch.testing.assert_close(one.double() / scale, other / scale, rtol=2e-5, atol=2e-6)


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
    for engine, function in tried.items():
        gate(engine, function, FORMULAS[name][0], pairs)
        runs[engine] = step(function, batch(pairs))
    counts = {}
    for engine, run in runs.items():
        seconds(run, 20)
        counts[engine] = max(1, int(ROUND_SECONDS / seconds(run, 5)))
    rounds = [{e: seconds(run, counts[e]) for e, run in runs.items()} for _ in range(ROUNDS)]
    line = {"benchmark": "python", "objective": name, "pairs": pairs, "threads": 1}
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
        gate("new loss", ours, formula, 64)
        torch._dynamo.reset()
        _, cold_s = first(lambda: torch.compile(formula, dynamic=False))
        torch._dynamo.reset()
        _, cached_s = first(lambda: torch.compile(formula, dynamic=False))
        rounds.append((disco_s, cold_s, cached_s))
    rounds = rounds[1:]  # the first one warms both
    median = lambda values: statistics.median(list(values))  # noqa: E731
    line = {"benchmark": "python", "measure": "new loss to first gradient"}
    line |= {
        f"{name}_ms": round(1e3 * median(r[i] for r in rounds), 2)
        for i, name in enumerate(("disco", "torch.compile", "torch.compile disk cache"))
    }
    line["torch.compile_over_disco"] = round(median(r[1] / r[0] for r in rounds), 1)
    line["disk cache_over_disco"] = round(median(r[2] / r[0] for r in rounds), 2)
    print(json.dumps(line), flush=True)


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return models[0] if models else platform.machine()


def main():
    torch.set_num_threads(1)
    sizes = [int(x) for x in sys.argv[1:]] or [16, 64, 256, 4096, 1 << 20]
    print(
        json.dumps(
            {
                "benchmark": "python",
                "processor": processor(),
                "torch": torch.__version__,
                "python": platform.python_version(),
                "rounds": ROUNDS,
                "load": os.getloadavg()[0],
            }
        )
    )
    for name in FORMULAS:
        tried = engines(name)
        for pairs in sizes:
            measure(name, pairs, tried)
    measure_compile()


if __name__ == "__main__":
    main()
