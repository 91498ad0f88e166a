#!/usr/bin/env python3
"""Writes grammars/objectives/README.md: the facts of every shipped objective, as discoc finds them.

  objective_index.py --discoc build/release/bin/discoc            # `tools/dev index`
  objective_index.py --discoc build/release/bin/discoc --check    # fails unless the file is current

It tells nothing of its own: a row is the opening comment of a .dpo file, its parameters, its facts.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

OBJECTIVES = pathlib.Path(__file__).resolve().parents[1] / "grammars/objectives"
INDEX = OBJECTIVES / "README.md"

OPENING = """\
# Shipped objectives

Written by `tools/dev index` from the files and `discoc NAME --facts`, at the default parameters;
do not edit. What the facts mean: [SPEC](../SPEC.md), section 11. What an objective computes, from
which paper, as which implementation and version has it, and where the same name means something
else, stands at the top of its file.

- **reads**, besides the policy's log-probabilities: `reference` log-probabilities, `lengths`,
  `tokens` (log-probabilities of single tokens), `kl` (per token), `columns` of the data set by
  name. An objective without `reference` trains without a reference model.
- **structure**: why the loss of a pair depends on more than that pair's sums (F1), nothing if it
  does not; `separable` (F2); `degenerates` if a statistic is 0 for every single pair (F6).
  **nan**: of ten pairs one of which has a NaN, how many are not finite (F7).
- **slope**: of the loss by the margin at 0. **rises on**: margins where the loss rises with the
  margin, of those from -20,000 to 20,000, the `end` (F4).
- **finite**: whether every float32 value and gradient is finite where training starts, operates,
  and may get to (F5): P proved, R refuted by a witness, U unknown; and the margins from which on
  they are not (F4), which may lie beyond the boxes: from 120 on log-probabilities are above 0.

"""
COLUMNS = [
    "objective",
    "parameters",
    "reads",
    "structure",
    "nan",
    "slope",
    "rises on",
    "finite",
    "operations",
    "source",
]


def opening_comment(text):
    lines = re.match(r"(?://.*\n)+", text).group(0).splitlines()
    return " ".join(line.lstrip("/ ") for line in lines)


def title(comment):
    """The first sentence of the comment, or its first clause if that is long."""
    sentence = re.split(r"\. ", comment)[0].rstrip(".")
    return sentence if len(sentence) <= 60 else re.split(r"[:;] ", sentence)[0]


def sources(comment):
    papers = re.findall(r"arXiv:(\d+\.\d+)", comment)
    if papers:
        return ", ".join(f"[{paper}](https://arxiv.org/abs/{paper})" for paper in papers[:2])
    address = re.search(r"https?://[\w./-]*\w", comment)
    return f"[{address.group(0).split('/')[-1]}]({address.group(0)})"


def parameters(text):
    return ", ".join(
        f"{name} {default}"
        for name, default in re.findall(r"^ *param (\w+) *= (\S+?)(?: in.*)?;", text, re.MULTILINE)
    )


def reads(facts):
    inputs = facts["inputs"]
    read = ["reference"] if facts["needs_reference"] else []
    read += ["lengths"] if facts["needs_lengths"] else []
    read += ["tokens"] if any("token_logps" in name for name in inputs) else []
    read += ["kl"] if any("token_kl" in name for name in inputs) else []
    return ", ".join(read + [f"`{name}`" for name in facts["columns"]])


def numeral(value):
    return f"{value:.4g}" if isinstance(value, (int, float)) else str(value)


def structure(facts):
    flags = facts["coupling"] + (["separable"] if facts["separable"] else [])
    return ", ".join(flags + (["degenerates"] if facts["degenerates_at_one"] else []))


def rises(facts):
    end = lambda margin: "end" if abs(margin) >= 20000 else numeral(margin)
    intervals = [f"({end(low)}, {end(high)})" for low, high in facts["rises_on"]]
    unsure = [] if facts["rises_on_verdict"] == "PROVED" else ["unknown elsewhere"]
    return " ".join(intervals + unsure)


def finite(facts):
    verdicts = "".join(box["verdict"][0] for box in facts["finite_on"].values())
    margins = [numeral(at["margin"]) for at in facts["nonfinite"].values() if at]
    return " ".join([verdicts] + margins)


def row(path, discoc):
    done = subprocess.run([discoc, path, "--facts"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{path.name}: {done.stderr}")
    facts, text = json.loads(done.stdout), path.read_text()
    comment = opening_comment(text)
    cells = [
        f"[{path.stem}]({path.name}) {title(comment)}",
        parameters(text),
        reads(facts),
        structure(facts),
        str(facts["nan_rows_of_ten"]),
        numeral(facts["slope_at_zero"]),
        rises(facts),
        finite(facts),
        str(facts["operations"]),
        sources(comment),
    ]
    return "| " + " | ".join(cells) + " |\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--discoc", required=True)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where it differs")
    options = parser.parse_args()
    paths = sorted(OBJECTIVES.glob("*.dpo"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(lambda path: row(path, options.discoc), paths))
    head = "| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|\n"
    text = OPENING + head + "".join(rows) + f"\n{len(rows)} objectives.\n"
    if not options.check:
        INDEX.write_text(text)
    elif not INDEX.exists() or INDEX.read_text() != text:
        print(f"{INDEX} is not what the objectives are: run `tools/dev index`")
        old = INDEX.read_text().splitlines() if INDEX.exists() else []
        print("".join(f"+ {line}\n" for line in text.splitlines() if line not in old), end="")
        print("".join(f"- {line}\n" for line in old if line not in text.splitlines()), end="")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
