#!/usr/bin/env python3
"""Writes test/conformance/cases/: one file for each topic, one case a line. Expected values come
from formulas of their own (reference.py, written.py); nothing of Disco is used.

  python3 test/conformance/generate.py [TOPIC...]     # without a topic: all; takes a minute
"""

import json
import pathlib
import sys

import language
import values
import written

TOPICS = {**values.TOPICS, **written.TOPICS, **language.TOPICS}
CASES = pathlib.Path(__file__).parent / "cases"


def main(topics):
    for topic in topics or TOPICS:
        # A family leaves out what has no numbers of ordinary size.
        cases = [case for case in TOPICS[topic]() if case]
        names = [case["name"] for case in cases]
        repeated = {name for name in names if names.count(name) > 1}
        assert not repeated, f"{topic}: names given twice: {sorted(repeated)[:3]}"
        lines = ",\n".join(json.dumps(case) for case in cases)
        (CASES / f"{topic}.json").write_text(f"[\n{lines}\n]\n")
        print(f"{topic}: {len(cases)}")


if __name__ == "__main__":
    main(sys.argv[1:])
