#!/usr/bin/env python3
"""Writes test/oracle/Primitives.inc: values and derivatives of every smooth primitive at chosen
points, computed with 60 digits by mpmath. The interpreter is compared with them; nothing of Disco
is used here.

  python3 test/oracle/primitives.py > test/oracle/Primitives.inc
"""

import mpmath as mp

mp.mp.dps = 60
ANY = [0, 1e-300, 1e-30, 1e-6, 0.1, 0.5, 1, 2, 10, 36, 50, 88, 89, 104, 500, 709, 745, 1774.5, 1e4]
ANY = [s * x for x in ANY for s in ((1, -1) if x else (1,))]
POSITIVE = [x for x in ANY if x > 0]
ABOVE_MINUS_ONE = [x for x in ANY if x > -1] + [-0.999]

sigmoid = lambda x: 1 / (1 + mp.exp(-x))
UNARY = {  # name: (points, value, derivative)
    "Neg": (ANY, lambda x: -x, lambda x: mp.mpf(-1)),
    "Exp": (ANY, mp.exp, mp.exp),
    "Log": (POSITIVE, mp.log, lambda x: 1 / x),
    "Log1p": (ABOVE_MINUS_ONE, mp.log1p, lambda x: 1 / (1 + x)),
    "Expm1": (ANY, mp.expm1, mp.exp),
    "Sqrt": (POSITIVE, mp.sqrt, lambda x: 1 / (2 * mp.sqrt(x))),
    "Tanh": (ANY, mp.tanh, lambda x: 1 / mp.cosh(x) ** 2),
    "Sigmoid": (ANY, sigmoid, lambda x: sigmoid(x) * sigmoid(-x)),
    "Softplus": (ANY, lambda x: mp.log1p(mp.exp(x)) if x < 200 else x + mp.exp(-x), sigmoid),
}
PAIRS = [(2, 3), (-0.1, 0.7), (1e4, 1e-4), (-50, -0.3), (1e-30, 88)]
BASES = [(2, 3), (0.1, 0.7), (1e4, -0.5), (50, 0), (3, 1), (-2, 3), (1e-30, 0.5)]
BINARY = {  # name: (points, value, derivative by the first, by the second or None)
    "Add": (PAIRS, lambda a, b: a + b, lambda a, b: mp.mpf(1), lambda a, b: mp.mpf(1)),
    "Sub": (PAIRS, lambda a, b: a - b, lambda a, b: mp.mpf(1), lambda a, b: mp.mpf(-1)),
    "Mul": (PAIRS, lambda a, b: a * b, lambda a, b: b, lambda a, b: a),
    "Div": (PAIRS, lambda a, b: a / b, lambda a, b: 1 / b, lambda a, b: -a / b**2),
    "Pow": (BASES, lambda a, b: a**b, lambda a, b: b * a ** (b - 1) if b else mp.mpf(0), None),
}


def literal(x):
    """The double nearest to x as a C++ literal; what double cannot hold becomes an infinity."""
    value = float(x)
    return f"{'-' if value < 0 else ''}kInfinity" if value in (mp.inf, -mp.inf) else value.hex()


print("// Written by test/oracle/primitives.py with mpmath; do not edit.")
for name, (points, value, slope) in UNARY.items():
    for x in map(mp.mpf, points):
        print(f"UNARY({name}, {literal(x)}, {literal(value(x))}, {literal(slope(x))})")
for name, (points, value, by_first, by_second) in BINARY.items():
    for a, b in points:
        a, b = mp.mpf(a), mp.mpf(b)
        second = literal(by_second(a, b)) if by_second else "kNoSlope"
        print(
            f"BINARY({name}, {literal(a)}, {literal(b)}, {literal(value(a, b))}, "
            f"{literal(by_first(a, b))}, {second})"
        )
