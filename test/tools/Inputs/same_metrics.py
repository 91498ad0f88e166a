"""Fails unless two logs of trainings have the same numbers up to what float32 rounds in them.

usage: same_metrics.py A B
"""
import json
import math
import sys


def rows(path):
    """The logged steps, each as a dictionary."""
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


first, second = map(rows, sys.argv[1:])
assert len(first) == len(second) > 0, "logs differ in length"
for a, b in zip(first, second):
    assert a.keys() == b.keys(), f"{a.keys() ^ b.keys()} in one log only"
    for key in a:
        close = math.isclose(a[key], b[key], rel_tol=1e-3, abs_tol=1e-4)
        assert close, f"step {a['step']}, {key}: {a[key]} and {b[key]}"
assert len({row["loss"] for row in first}) > 1, "a loss that never changes compares nothing"
