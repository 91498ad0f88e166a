#!/usr/bin/env python3
"""Compares every shipped objective with its oracle: values, gradients, ten steps of state.

  check_zoo.py --discoc build/release/bin/discoc [--engine host] [--part 1/2] [NAME ...]

Each objective of grammars/objectives has a second formula under formulas/, written from its paper
in torch; where TRL or Liger implement the objective, their code holds the formula. Prints a table
of what was compared with what. Exits 77 without the packages of tools/requirements-test.txt.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import types
import warnings

warnings.filterwarnings("ignore")
try:
    import torch

    import formulas
    import implementations
except ImportError as error:
    print(f"skipped: {error}; `tools/dev setup` installs what the oracles need")
    sys.exit(77)

import ties
from compare import differences, evaluate
from pairs import SIDES, all_batches, drifting
from registry import ORACLES

OBJECTIVES = pathlib.Path(__file__).resolve().parents[2] / "grammars/objectives"
STEPS = 10


class Refused(Exception):
    """discoc did not evaluate; its message."""


class Discoc:
    """Runs objectives on batches; one process a run."""

    def __init__(self, program, engine):
        self.program, self.engine, self.runs = program, engine, 0
        self.dtype = torch.float32 if engine == "host" else torch.float64

    def __call__(self, oracle, batch, overrides, states=None):
        """The evaluation of an objective, in the shape `compare.evaluate` gives."""
        command = [self.program, oracle.name, "--run=-", f"--engine={self.engine}"]
        for parameter, value in overrides.items():
            command += ["-D", f"{parameter}={value!r}"]
        text = json.dumps(batch.json(oracle.columns, oracle.tokens, states))
        done = subprocess.run(command, input=text, capture_output=True, text=True, close_fds=False)
        self.runs += 1
        if done.returncode:
            raise Refused(f"{' '.join(command)}: {done.stderr.strip()}")
        return self.result(json.loads(done.stdout), batch)

    @staticmethod
    def result(out, batch):
        number = lambda values: torch.tensor([float(v) for v in values], dtype=torch.float64)
        gradients = out["gradients"]

        def padded(rows, side):
            """[B, T] of a list a pair."""
            full = torch.zeros(batch.mask[side].shape, dtype=torch.float64)
            for i, row in enumerate(rows):
                full[i, : len(row)] = number(row)
            return full

        def by_token(side):
            """What a token's log-probability contributes directly and through the pair's sum."""
            total = padded(gradients.get(f"policy_{side}_token_logps", []), side)
            pair = gradients.get(f"policy_{side}_logps")
            return total if pair is None else total + number(pair)[:, None] * batch.mask[side]

        return types.SimpleNamespace(
            loss=float(out["loss"]),
            losses=number(out["losses"]),
            gradients={side: by_token(side) for side in SIDES},
            kl_gradients={s: padded(gradients.get(f"{s}_token_kl", []), s) for s in SIDES},
            next={k: float(v) for k, v in out.get("next", {}).items()},
        )


class Report:
    def __init__(self):
        self.failures, self.comparisons = [], 0

    def add(self, where, found):
        self.comparisons += 1
        self.failures += [f"{where}: {what} is {text}" for what, text in found]


def namespace(oracle, overrides):
    return types.SimpleNamespace(**(oracle.defaults | overrides))


def settings(oracle):
    """(label, overrides): the defaults, set by nobody, then the oracle's further values in full."""
    yield f"{oracle.name}()", {}
    for values in oracle.settings:
        label = ", ".join(f"{k}={v:g}" for k, v in values.items())
        yield f"{oracle.name}({label})", oracle.defaults | values


def cases(oracle, engine):
    """(label, overrides, batch): every batch with the defaults, four of them with other values. In
    float32 the extreme margins overflow where the oracle does not."""
    batches = all_batches(oracle.columns)
    few = [batch for batch in batches if batch.name in ("7 pairs", "start, 3", "equal pairs")]
    extreme = [batch for batch in batches if batch.name == "extreme"]
    for label, overrides in settings(oracle):
        if engine == "host":
            chosen = few
        else:
            chosen = few + extreme if overrides else batches
        for batch in chosen:
            yield f"{label} on {batch.name}", overrides, batch


def check_values(oracle, discoc, report):
    """discoc against the formula, and published code against the formula."""
    drivers = [d for d in implementations.IMPLEMENTATIONS if d.objective == oracle.name]
    for label, overrides, batch in cases(oracle, discoc.engine):
        parameters = namespace(oracle, overrides)
        state = (initial(oracle),) if oracle.state else ()
        want = evaluate(oracle.formula, batch, parameters, *state)
        for driver in drivers:
            got = evaluate(driver.run, batch, parameters)
            report.add(f"{driver.label}, {label}", differences(got, want, batch, driver.dtype))
        got = discoc(oracle, batch, overrides)
        report.add(label, differences(got, want, batch, discoc.dtype))


def tensors(numbers):
    return {name: torch.tensor(float(value)) for name, value in numbers.items()}


def initial(oracle):
    return tensors(oracle.state)


def check_steps(oracle, discoc, report):
    """Ten steps, each from the state that its own side has come to."""
    for label, overrides in settings(oracle):
        parameters, ours, theirs = namespace(oracle, overrides), None, initial(oracle)
        for step, batch in enumerate(drifting(STEPS, oracle.columns)):
            want = evaluate(oracle.formula, batch, parameters, theirs)
            got = discoc(oracle, batch, overrides, ours)
            report.add(f"{label}, step {step}", differences(got, want, batch, discoc.dtype))
            ours, theirs = got.next, tensors(want.next)


def check(oracle, discoc, report):
    try:
        check_values(oracle, discoc, report)
        if oracle.state:
            check_steps(oracle, discoc, report)
    except Refused as error:
        report.failures.append(str(error))


def table(names):
    width = max(map(len, names), default=0)
    print(f"{'objective':{width}}  formula from; published code that agrees with it")
    for name in names:
        labels = [d.label for d in implementations.IMPLEMENTATIONS if d.objective == name]
        print(f"{name:{width}}  {'; '.join([ORACLES[name].source] + labels)}")


def part(text):
    """The slice of a list that "2/3", the second of three parts, stands for."""
    which, of = (int(number) for number in text.split("/"))
    if not 1 <= which <= of:
        raise ValueError(text)
    return slice(which - 1, None, of)


def main():
    arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    arguments.add_argument("--discoc", required=True)
    arguments.add_argument("--engine", default="interpreter")
    arguments.add_argument("--part", type=part, default=slice(None), help="2/3: a part of the work")
    arguments.add_argument("names", nargs="*", help="objectives; all, and the lists, when left out")
    options = arguments.parse_args()
    shipped = {path.stem for path in OBJECTIVES.glob("*.dpo")}
    torch.set_num_threads(1)
    report, discoc = Report(), Discoc(options.discoc, options.engine)
    if not options.names:
        report.failures += [
            f"{name}.dpo has no oracle" for name in sorted(shipped - ORACLES.keys())
        ]
        report.failures += [
            f"oracle {name} has no objective" for name in sorted(ORACLES.keys() - shipped)
        ]
    names = sorted(options.names or shipped & ORACLES.keys())
    tied = set(names)
    names = names[options.part]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda name: check(ORACLES[name], discoc, report), names))
    try:
        ties.check(discoc, tied, report, options.part)
    except Refused as error:
        report.failures.append(str(error))
    table(names)
    print(
        f"{len(names)} objectives, {discoc.runs} runs of discoc, {report.comparisons} comparisons"
    )
    for failure in report.failures:
        print(f"FAILED {failure}")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
